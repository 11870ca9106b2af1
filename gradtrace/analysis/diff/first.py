"""Where two runs part first: in the order of time, and inside a pass from the root backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from gradtrace.analysis.coverage import n_passes
from gradtrace.analysis.diff.graphs import PassPair
from gradtrace.analysis.diff.happenings import Happenings
from gradtrace.analysis.diff.runs import Comparison, LeafChange
from gradtrace.model import BackwardPass, Cut, Event, Graph, Location, Node, OptimizerInfo, StepFact, Trace


class Divergence(StrEnum):
    """How two runs part."""

    EVENT = "event"
    """Only one of them did something to `.grad` or to parameters."""
    RATES = "rates"
    """Steps ran with other numbers."""
    GRAPH = "graph"
    """A pass walked another graph."""
    VALUE = "value"
    """The same operation computed something else."""
    GRADIENT = "gradient"
    """Another gradient came back through the same graph."""
    ERROR = "error"
    """Only one of them failed, or with another error."""
    CUT = "cut"
    """A value left the graph in one of them only."""
    OPTIMIZER = "optimizer"
    """An optimizer is of another type, or holds another number of parameters."""
    LEAF = "leaf"
    """Only one of them has a leaf, or trains it."""
    PASSES = "passes"
    """One of them ran more passes."""
    HISTORY = "history"
    """The `.grad` of a leaf had another history over the whole run."""


@dataclass(frozen=True, slots=True)
class First:
    """Where two runs part first.

    Attributes:
        kind: how.
        pass_index: the pass of the new run in which, or before which, they do; 0 where it is none.
        old: the line of the old program; None where only the new one has it.
        new: that of the new one.
        old_nodes: the nodes in question, of the old pass, in the order of the forward pass.
        new_nodes: of the new one.
        old_event: what only the old program did.
        new_event: what only the new one did.
        old_cut: what cut a value off in the old run only, if that is why.
        new_cut: in the new one only.
        steps: two steps with other numbers.
        senders: the nodes that sent the gradient in question, of the old pass and of the new one.
        leaf: a leaf that got another gradient, or another history.
        optimizers: two optimizers that differ.
    """

    kind: Divergence
    pass_index: int = 0
    old: Location | None = None
    new: Location | None = None
    old_nodes: tuple[Node, ...] = ()
    new_nodes: tuple[Node, ...] = ()
    old_event: Event | None = None
    new_event: Event | None = None
    old_cut: Cut | None = None
    new_cut: Cut | None = None
    steps: tuple[StepFact, StepFact] | None = None
    senders: tuple[Node | None, Node | None] = (None, None)
    leaf: str = ""
    optimizers: tuple[OptimizerInfo, OptimizerInfo] | None = None


def first_divergence(comparison: Comparison) -> First | None:
    """The first of all differences; None where there is none."""
    return next(_divergences(comparison), None)


def _divergences(comparison: Comparison) -> Iterator[First]:
    rows = zip(comparison.passes, comparison.happenings, comparison.gradients, strict=False)
    for pair, before, changes in rows:
        if before:
            yield _of_happenings(comparison, before, pair.new.index)
        yield from _of_pass(comparison, pair)
        yield from _of_leaves(pair, changes)
    yield from _of_errors(comparison)
    if comparison.happenings[-1]:
        yield _of_happenings(comparison, comparison.happenings[-1], 0)
    yield from _of_runs(comparison)


def _of_happenings(comparison: Comparison, one: Happenings, index: int) -> First:
    if one.only_old or one.only_new:
        old, new = next(iter(one.only_old), None), next(iter(one.only_new), None)
        other = _of_optimizers(comparison, old, new, index)
        if other is not None:
            return other
        places = [event.location if event is not None else None for event in (old, new)]
        return First(Divergence.EVENT, index, places[0], places[1], old_event=old, new_event=new)
    if one.written:
        old, new = one.written[0]
        return First(Divergence.EVENT, index, old.location, new.location, old_event=old, new_event=new)
    pair = one.rates[0]
    places = [_made(trace, step) for trace, step in zip((comparison.old, comparison.new), pair, strict=True)]
    return First(Divergence.RATES, index, places[0], places[1], steps=pair)


def _of_optimizers(comparison: Comparison, old: Event | None, new: Event | None, index: int) -> First | None:
    """Why the optimizer of one run does for other leaves what the one of the other does: it is another one."""
    if old is None or new is None or old.kind != new.kind or old.optimizer is None:
        return None
    for a, b in comparison.optimizers:
        if a is None or b is None or (a.id, b.id) != (old.optimizer, new.optimizer):
            continue
        for leaves, owner, is_old in ((comparison.lost, a, True), (comparison.found, b, False)):
            leaf = next((one for one in leaves if owner.id in one.optimizers), None)
            place = None if leaf is None else leaf.location or leaf.stored
            if leaf is not None and place is not None and a.type == b.type:
                places = (place, None) if is_old else (None, place)
                return First(Divergence.LEAF, index, old=places[0], new=places[1], leaf=leaf.name)
        return First(Divergence.OPTIMIZER, index, a.location, b.location, optimizers=(a, b))
    return None


def _made(trace: Trace, step: StepFact) -> Location | None:
    """Where the optimizer of a step was made, which is where its numbers stand; else the step."""
    owner = next((owner for owner in trace.optimizers if owner.id == step.optimizer), None)
    return owner.location if owner is not None and owner.location is not None else step.location


def _of_pass(comparison: Comparison, pair: PassPair) -> Iterator[First]:
    old, new = pair.old.graph, pair.new.graph
    if old is None or new is None:
        return
    if not pair.is_same_graph:
        yield _of_graph(comparison, pair, old, new)
    for a, b in pair.values[:1]:
        nodes = old.nodes[a], new.nodes[b]
        places = nodes[0].location, nodes[1].location
        yield First(Divergence.VALUE, pair.new.index, places[0], places[1], nodes[:1], nodes[1:])
    for a, b in pair.gradients[:1]:
        nodes = old.nodes[a], new.nodes[b]
        senders = _sender(old, a), _sender(new, b)
        places = _backward_place(senders[0] or nodes[0]), _backward_place(senders[1] or nodes[1])
        yield First(Divergence.GRADIENT, pair.new.index, places[0], places[1], nodes[:1], nodes[1:], senders=senders)
    if _error(pair.old) != _error(pair.new):
        yield First(Divergence.ERROR, pair.new.index, _failed_at(pair.old), _failed_at(pair.new))


def _sender(graph: Graph, node: int) -> Node | None:
    """The only node that sends to this one; None where several do, or none."""
    sources = {edge.source for edge in graph.edges if edge.target == node}
    return graph.nodes[sources.pop()] if len(sources) == 1 else None


def _backward_place(node: Node) -> Location | None:
    """Where a person can change what a node sends: the `backward` of a custom Function, else the line that made it."""
    return node.backward_location or node.location


def _of_graph(comparison: Comparison, pair: PassPair, old: Graph, new: Graph) -> First:
    """The difference that is nearest to the root: nodes that only one of them has, else a pair with other operands."""
    index = pair.new.index
    cuts = [
        next((cut for cut in found if one.index in cut.passes), None)
        for found, one in ((comparison.cuts_old, pair.old), (comparison.cuts_new, pair.new))
    ]
    if not (pair.only_old or pair.only_new):
        a, b = pair.rewired[-1]
        nodes = old.nodes[a], new.nodes[b]
        places = [_cut_place(cut, node.location) for cut, node in zip(cuts, nodes, strict=True)]
        return First(
            Divergence.GRAPH, index, places[0], places[1], nodes[:1], nodes[1:], old_cut=cuts[0], new_cut=cuts[1]
        )
    nearest = max(stretch.n_before for stretch in (*pair.only_old, *pair.only_new))
    groups = [
        tuple(graph.nodes[at] for stretch in stretches if stretch.n_before == nearest for at in stretch.nodes)
        for graph, stretches in ((old, pair.only_old), (new, pair.only_new))
    ]
    places = [_cut_place(cut, _nearest_place(nodes)) for cut, nodes in zip(cuts, groups, strict=True)]
    return First(Divergence.GRAPH, index, places[0], places[1], groups[0], groups[1], old_cut=cuts[0], new_cut=cuts[1])


def _cut_place(cut: Cut | None, place: Location | None) -> Location | None:
    return cut.location if cut is not None and cut.location is not None else place


def _nearest_place(nodes: tuple[Node, ...]) -> Location | None:
    return next((node.location for node in reversed(nodes) if node.location is not None), None)


def _error(one: BackwardPass) -> tuple[str, str] | None:
    return (one.error.type, one.error.message) if one.error is not None else None


def _failed_at(one: BackwardPass) -> Location | None:
    if one.error is None:
        return None
    conflict = one.error.conflict
    written = next((write.location for write in conflict.writes if write.location), None) if conflict else None
    if written is not None:
        return written
    if one.error.node is not None and one.graph is not None and one.error.node < len(one.graph.nodes):
        return _backward_place(one.graph.nodes[one.error.node]) or one.location
    return one.location


def _of_leaves(pair: PassPair, changes: tuple[LeafChange, ...]) -> Iterator[First]:
    for change in changes[:1]:
        yield First(Divergence.GRADIENT, pair.new.index, pair.old.location, pair.new.location, leaf=change.name)


def _of_runs(comparison: Comparison) -> Iterator[First]:
    """What differs over the whole runs, where all that was seen of passes was the same."""
    old, new = comparison.old, comparison.new
    for cut in comparison.cuts_old[:1]:
        yield First(Divergence.CUT, old=cut.location, old_cut=cut)
    for cut in comparison.cuts_new[:1]:
        yield First(Divergence.CUT, new=cut.location, new_cut=cut)
    for leaf in comparison.lost[:1]:
        yield First(Divergence.LEAF, old=leaf.location or leaf.stored, leaf=leaf.name)
    for leaf in comparison.found[:1]:
        yield First(Divergence.LEAF, new=leaf.location or leaf.stored, leaf=leaf.name)
    for history in comparison.histories[:1]:
        yield First(Divergence.HISTORY, leaf=history.names[0])
    if n_passes(old) != n_passes(new):
        yield First(Divergence.PASSES)


def _of_errors(comparison: Comparison) -> Iterator[First]:
    """One of the programs failed: what it did not do after that follows from it."""
    ends = [trace.run.error for trace in (comparison.old, comparison.new)]
    types = [end.type if end is not None else None for end in ends]
    if types[0] != types[1]:
        places = [_own_frame(end.frames) if end is not None else None for end in ends]
        yield First(Divergence.ERROR, 0, places[0], places[1])


def _own_frame(frames: tuple[Location, ...]) -> Location | None:
    """The innermost frame in the folder of the outermost, which is the program's own."""
    if not frames:
        return None
    folder = PurePath(frames[0].file).parent
    return next(frame for frame in reversed(frames) if PurePath(frame.file).is_relative_to(folder))
