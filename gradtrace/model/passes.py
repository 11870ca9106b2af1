"""One run of the autograd engine."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.facts import Conflict
from gradtrace.model.graph import Graph
from gradtrace.model.kinds import Effect, PassCall, Recorded, ReductionKind
from gradtrace.model.location import Location
from gradtrace.model.tensors import TensorStats

INCOMPLETE = "incomplete"


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
class Reduction:
    """What ranks made together of what each of them had in the `.grad` of one parameter, as the numbers show.

    Attributes:
        how: by which sum.
        n_ranks: over how many ranks.
        is_sharded: each rank keeps a part of the result.
    """

    how: ReductionKind
    n_ranks: int
    is_sharded: bool = False

    def __str__(self) -> str:
        """`averaged over 2 ranks`; of a part that each rank keeps, `averaged over 2 ranks, this rank's part`."""
        where = "on" if self.how == ReductionKind.EQUAL else "over"
        part = ", this rank's part" if self.is_sharded else ""
        return f"{self.how} {where} {self.n_ranks} ranks{part}"


@dataclass(frozen=True, slots=True)
class Accumulation:
    """What one pass did to one leaf.

    Identity: after = before + contribution; or, over the ranks of a distributed program, what `reduced` says.
    """

    leaf: int
    before: TensorStats | None
    contribution: TensorStats | None
    after: TensorStats | None
    effect: Effect
    reduced: Reduction | None = None

    @property
    def is_measured(self) -> bool:
        """Whether it is known what the pass added; of most passes in the ledger alone only the effect is."""
        return self.contribution is not None or self.effect == Effect.UNCHANGED


@dataclass(frozen=True, slots=True)
class PassError:
    """The exception that ended a pass: torch's own text, and the node at which it happened when that is known.

    `type` is `INCOMPLETE` where no exception did, but the recording ends in the middle of the pass.
    """

    type: str
    message: str
    node: int | None = None
    conflict: Conflict | None = None

    @property
    def is_incomplete(self) -> bool:
        """Whether the recording ends in the middle of the pass."""
        return self.type == INCOMPLETE


@dataclass(frozen=True, slots=True)
class BackwardPass:
    """A pass.

    Attributes:
        index: from 1, in the order in which passes began.
        call: what started it; `PassCall.NONE` for a graph that was never run backward.
        recorded: how much of it was recorded.
        count: passes from `index` on that repeat the same pattern and are counted here (ledger only).
        parent: index of the pass during which this one ran (reentrant checkpoint), else None.
        thread: 0 for the main thread, then in order of appearance.
        last_value: of passes that were counted, the only root of the last one, where it was read.
    """

    index: int
    call: PassCall
    location: Location | None
    roots: tuple[Root, ...]
    retain_graph: bool
    create_graph: bool
    recorded: Recorded
    error: PassError | None = None
    graph: Graph | None = None
    accumulations: tuple[Accumulation, ...] = ()
    count: int = 1
    parent: int | None = None
    thread: int = 0
    process: int = 0
    last_value: float | None = None

    @property
    def is_drawn_only(self) -> bool:
        """Whether it is no pass at all, but a graph that was never run backward."""
        return self.call == PassCall.NONE
