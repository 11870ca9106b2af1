"""What torch.compile made of a part of the program."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location
from gradtrace.model.tensors import TensorStats


@dataclass(frozen=True, slots=True)
class CompiledOp:
    """A call in the backward graph of a compiled region, before the backend fuses them.

    Attributes:
        op: torch's name: `aten.mm.default`.
        shape: of its result; an extent that varies is a symbol such as `s0`. None for several results.
        location: the line of the forward computation that it comes from.
        module: path of the module that it comes from, within what was compiled.
        output: which of several results; None for the only one.
        is_forward: it works out a forward value again, without any gradient.
    """

    op: str
    shape: tuple[int | str, ...] | None = None
    dtype: str | None = None
    location: Location | None = None
    module: str | None = None
    output: int | None = None
    is_forward: bool = False

    @property
    def name(self) -> str:
        """What it is called without torch's namespace, and without the overload that is usual: `mm`, `sum.dim`."""
        name = self.op.removeprefix("aten.").removesuffix(".default")
        return name if self.output is None else f"{name}[{self.output}]"


@dataclass(frozen=True, slots=True)
class GraphBreak:
    """Where torch.compile had to stop a graph, and its reason in its own words."""

    reason: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class CompiledRegion:
    """One graph that torch compiled; in the graph of a pass it is one node.

    Attributes:
        id: from 0, in the order in which regions were met in their process.
        backend: what compiled it, where that could be seen: `inductor`, `aot_eager`.
        ops: its backward graph in order; None where it came from a cache, so that nobody saw it.
        breaks: graph breaks that the compiler met since it compiled the region before this one.
        results: of each gradient that it sends, by slot, the position of the op that makes it; None for none of them.
    """

    id: int
    backend: str | None = None
    ops: tuple[CompiledOp, ...] | None = None
    breaks: tuple[GraphBreak, ...] = ()
    results: tuple[int | None, ...] = ()

    @property
    def is_fused(self) -> bool:
        """Whether its backend makes one kernel of several operations."""
        return self.backend == "inductor"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What the ops of a compiled region gave when they ran a second time, one by one, on the tensors of a pass.

    Attributes:
        values: of each op of the region; None for one that did not run.
        reason: why not all were run.
    """

    values: tuple[TensorStats | None, ...] = ()
    reason: str | None = None
