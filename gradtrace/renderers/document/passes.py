"""Passes: what was asked of the engine, and what it did to each leaf."""

from collections.abc import Collection, Sequence

from msgspec import UNSET, UnsetType

from gradtrace.model import Accumulation as SeenAccumulation
from gradtrace.model import BackwardPass, Effect, PassCall, Recorded, ReductionKind
from gradtrace.model import PassError as SeenError
from gradtrace.model import Root as SeenRoot
from gradtrace.renderers.document.graphs import Graph, graph
from gradtrace.renderers.document.layout import Part, Rows, Section
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.tensors import Location, Statistics, location, statistics


class Root(Part, frozen=True, kw_only=True):
    """A tensor at which a pass starts.

    Attributes:
        node: id of its node; null when the pass was not recorded in full.
        name: what the program calls it, or null.
        value: the tensor's own values.
        output: which output of the node it is.
        gradient: the gradient that the pass starts with there.
    """

    node: int | None
    name: str | None
    value: Statistics | None
    output: int
    gradient: Statistics | None


class Write(Part, frozen=True, kw_only=True):
    """A write in place to a tensor that backward still needed.

    Attributes:
        call: what wrote: `add_`, `SGD.step`.
        location: where.
        version: the version of the tensor that it left behind.
    """

    call: str
    location: Location | None
    version: int


class Conflict(Part, frozen=True, kw_only=True):
    """A saved tensor that was overwritten before backward needed it.

    Attributes:
        name: what a person would call the tensor, or null.
        shape: its shape.
        dtype: its dtype.
        saved_by: id of the node that saved it, or null.
        saved_name: torch's name for what that node saved.
        expected: the version that was saved.
        found: the version that the tensor has now.
        writes: the writes in between, oldest first.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: str
    saved_by: int | None
    saved_name: str
    expected: int
    found: int
    writes: list[Write]


class PassError(Part, frozen=True, kw_only=True):
    """The exception that ended a pass.

    Attributes:
        type: its class; `incomplete` where the recording ends in the middle of the pass.
        message: torch's own text.
        node: the node at which it happened, or null.
        conflict: the saved tensor that was overwritten, where it is about one, recorded with facts; else null.
    """

    type: str
    message: str
    node: int | None
    conflict: Conflict | None


class Reduction(Part, frozen=True, kw_only=True, rename={"n_ranks": "ranks", "is_sharded": "sharded"}):
    """What ranks made together of their gradients of one parameter, as the numbers of all of them show.

    Attributes:
        how: by which sum; `made equal` where that was not measured.
        n_ranks: over how many ranks.
        is_sharded: each rank keeps a part of the result, so that the shape of `after` is another.
    """

    how: ReductionKind
    n_ranks: int
    is_sharded: bool


class Accumulation(Part, frozen=True, kw_only=True):
    """What a pass did to a leaf. Of a pass in the ledger often only the effect is known.

    Attributes:
        leaf: id of the leaf.
        before: its `.grad` before the pass.
        contribution: what the pass added: the sum over the edges that arrive.
        after: its `.grad` after it: `before` and `contribution` together.
        effect: what happened.
        reduced: what ranks of a distributed program made of it, so that `after` is not that sum; absent where each kept
            its own.
    """

    leaf: int
    before: Statistics | None
    contribution: Statistics | None
    after: Statistics | None
    effect: Effect
    reduced: Reduction | UnsetType = UNSET


class Pass(Section, frozen=True, kw_only=True, rename={"is_inner": "inner"}):
    """A run of the autograd engine.

    Attributes:
        index: from 1, in the order in which passes began.
        call: what started it.
        location: where it was called.
        roots: the tensors at which it starts.
        retain_graph: as the caller asked.
        create_graph: as the caller asked.
        recorded: how much of it was recorded.
        error: what torch raised, or null.
        count: how many passes of one pattern it stands for, from `index` on.
        last_value: where it stands for several, the only root of the last of them, or null where that was not read.
        parent: index of the pass during which it ran, or null.
        thread: 0 for the main thread, then in order of appearance.
        process: which process of the run it ran in.
        step: the training step that it is part of, from 1 in each process. A step ends where an optimizer steps, and
            where none ever does, with each pass that is not `inner`.
        is_inner: it ran inside a step and stored no gradient: an inner loop, a penalty, a pass within another.
        graph: null where the pass is in the ledger only, or graphs were left out.
        accumulations: what it did to each leaf.
    """

    index: int
    call: PassCall
    location: Location | None
    roots: list[Root]
    retain_graph: bool
    create_graph: bool
    recorded: Recorded
    error: PassError | None
    count: int
    last_value: float | None
    parent: int | None
    thread: int
    process: int
    step: int
    is_inner: bool
    graph: Graph | None
    accumulations: Sequence[Accumulation]


def backward_pass(one: BackwardPass, step: int, inside: Collection[int], *, has_graph: bool) -> Pass:
    """A pass of a trace.

    Args:
        one: the pass.
        step: the training step that it is part of.
        inside: indices of the passes that run inside a step.
        has_graph: whether the graph is shown.
    """
    return Pass(
        index=one.index,
        call=one.call,
        location=location(one.location),
        roots=list(map(_root, one.roots)),
        retain_graph=one.retain_graph,
        create_graph=one.create_graph,
        recorded=one.recorded,
        error=_error(one.error),
        count=one.count,
        last_value=one.last_value,
        parent=one.parent,
        thread=one.thread,
        process=one.process,
        step=step,
        is_inner=one.index in inside,
        graph=graph(one.graph) if has_graph and one.graph is not None else None,
        accumulations=Rows(_accumulation, one.accumulations),
    )


def _root(one: SeenRoot) -> Root:
    return Root(
        node=one.node,
        name=one.name,
        value=statistics(one.value),
        output=one.output,
        gradient=statistics(one.gradient),
    )


def _error(one: SeenError | None) -> PassError | None:
    if one is None:
        return None
    conflict = None
    if one.conflict is not None:
        writes = [mirrored(Write, each) for each in one.conflict.writes]
        conflict = mirrored(Conflict, one.conflict, writes=writes)
    return mirrored(PassError, one, conflict=conflict)


def _accumulation(one: SeenAccumulation) -> Accumulation:
    return Accumulation(
        leaf=one.leaf,
        before=statistics(one.before),
        contribution=statistics(one.contribution),
        after=statistics(one.after),
        effect=one.effect,
        reduced=UNSET if one.reduced is None else mirrored(Reduction, one.reduced),
    )
