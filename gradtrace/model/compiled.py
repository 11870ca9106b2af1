"""What torch.compile made of a part of the program."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class CompiledOp:
    """A call in the backward graph of a compiled region, before the backend fuses them.

    Attributes:
        op: torch's name: `aten.mm.default`.
        shape: of its result; an extent that varies is a symbol such as `s0`. None for several results.
        location: the line of the forward computation that it comes from.
        module: path of the module that it comes from, within what was compiled.
    """

    op: str
    shape: tuple[int | str, ...] | None = None
    dtype: str | None = None
    location: Location | None = None
    module: str | None = None

    @property
    def name(self) -> str:
        """What it is called without torch's namespace, and without the overload that is usual: `mm`, `sum.dim`."""
        return self.op.removeprefix("aten.").removesuffix(".default")


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
    """

    id: int
    backend: str | None = None
    ops: tuple[CompiledOp, ...] | None = None
    breaks: tuple[GraphBreak, ...] = ()

    @property
    def is_fused(self) -> bool:
        """Whether its backend makes one kernel of several operations."""
        return self.backend == "inductor"


def unmeasured(*, is_fused: bool) -> str:
    """What a reader of a compiled region has to know of its values."""
    return f"values inside are not measured{', the operations are fused' if is_fused else ''}"
