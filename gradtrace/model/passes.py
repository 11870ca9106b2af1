"""One run of the autograd engine."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.facts import Conflict
from gradtrace.model.graph import Graph
from gradtrace.model.location import Location
from gradtrace.model.tensors import TensorStats


@dataclass(frozen=True, slots=True)
class Root:
    """A tensor at which the pass starts.

    Attributes:
        node: id in the graph; None when the pass was not recorded in full.
        output: which output of that node.
        value: the tensor's own values.
        gradient: the gradient that the pass starts with there (1 unless the caller gave another).
    """

    node: int | None
    name: str | None = None
    value: TensorStats | None = None
    output: int = 0
    gradient: TensorStats | None = None


@dataclass(frozen=True, slots=True)
class Accumulation:
    """What one pass did to one leaf.

    `effect` is `created` (there was no `.grad`), `accumulated` (added to what was there), `unchanged` (nothing
    arrived), or `not stored` (`autograd.grad` returned it instead). Identity: after = before + contribution.
    """

    leaf: int
    before: TensorStats | None
    contribution: TensorStats | None
    after: TensorStats | None
    effect: str

    @property
    def is_measured(self) -> bool:
        """Whether it is known what the pass added; of most passes in the ledger alone only the effect is."""
        return self.contribution is not None or self.effect == "unchanged"


@dataclass(frozen=True, slots=True)
class PassError:
    """The exception that ended a pass: torch's own text, and the node at which it happened when that is known."""

    type: str
    message: str
    node: int | None = None
    conflict: Conflict | None = None


@dataclass(frozen=True, slots=True)
class BackwardPass:
    """A pass.

    Attributes:
        index: from 1, in the order in which passes began.
        call: `Tensor.backward`, `autograd.backward`, `autograd.grad`; `none` for a graph that was never run backward.
        recorded: `full` (graph and measurements) or `ledger` (only what happened to leaves).
        count: passes from `index` on that repeat the same pattern and are counted here (ledger only).
        parent: index of the pass during which this one ran (reentrant checkpoint), else None.
        thread: 0 for the main thread, then in order of appearance.
    """

    index: int
    call: str
    location: Location | None
    roots: tuple[Root, ...]
    retain_graph: bool
    create_graph: bool
    recorded: str
    error: PassError | None = None
    graph: Graph | None = None
    accumulations: tuple[Accumulation, ...] = ()
    count: int = 1
    parent: int | None = None
    thread: int = 0
    process: int = 0
