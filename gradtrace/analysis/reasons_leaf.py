"""Why a leaf has the gradient that it has, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gradtrace.analysis.ledger import CLEARING, STORED
from gradtrace.analysis.paths import cancelled_at, is_zero, route, ways, zeroed_by
from gradtrace.analysis.reasons_answer import Reason, Subject
from gradtrace.analysis.topology import Adjacency
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Cut,
    Event,
    Graph,
    Leaf,
    Location,
    OptimizerInfo,
    Trace,
)

_GRAPHLESS = ("does not require grad", "doesn't require grad", "Inference tensor")
"""What torch says of a tensor that should have a graph and has none."""

READING = frozenset({"item", "tolist", "numpy", "number"})
"""Kinds of cut by which a program usually only looks at a value: a reason only if the number came back into a graph."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A leaf, with all that is known of it."""

    trace: Trace
    leaf: Leaf
    rows: tuple[tuple[BackwardPass, Accumulation], ...]
    cuts: tuple[Cut, ...]
    passes: tuple[BackwardPass, ...]

    def subject(self, reason: Reason, **fields: object) -> Subject:
        leaf = self.leaf
        return Subject(leaf.name, leaf.kind, reason, leaf, **fields)  # type: ignore[arg-type]


def leaf_subject(trace: Trace, leaf: Leaf) -> Subject:
    """The answer for one leaf: the first reason that applies."""
    passes = tuple(one for one in trace.passes if one.process == leaf.process and one.call != "none")
    rows = tuple((one, row) for one in passes for row in one.accumulations if row.leaf == leaf.id)
    cuts = sorted((cut for cut in trace.cuts if leaf.id in cut.leaves and cut.process == leaf.process), key=_weight)
    case = _Case(trace, leaf, rows, tuple(cuts), passes)
    subject = next(found for reason in _REASONS for found in [reason(case)] if found is not None)
    facts = (one for one in trace.module_facts if one.kind == "unregistered_modules" and leaf.id in one.leaves)
    subject = replace(subject, unregistered=next(facts, None))
    if subject.reason in (Reason.GRADIENT, Reason.CLEARED):
        return subject
    read = (event.location for event in trace.events if event.kind == "grad_read" and leaf.id in event.leaves)
    return replace(subject, error=trace.run.error, read=next(read, None))


def _weight(cut: Cut) -> tuple[bool, bool, bool, int]:
    """Cuts whose result came back into a recorded graph come first; mere looking last."""
    return (not cut.passes, cut.reentry is None, cut.kind in READING, cut.id)


def _arrived(case: _Case) -> Subject | None:
    """A pass added something that is not zero."""
    found = [(one, row) for one, row in case.rows if row.contribution is not None and not is_zero(row.contribution)]
    stored = [(one, row) for one, row in found if row.effect in STORED]
    if not stored:
        return _returned(case, found)
    one, row = min(stored, key=lambda pair: pair[0].recorded != "full")
    node = _node_of(one, case.leaf)
    added = tuple(each.index for each, _ in stored)
    clearing = _cleared_unread(case, stored)
    owners = tuple(owner for owner in case.trace.optimizers if owner.id in case.leaf.optimizers)
    return case.subject(
        Reason.CLEARED if clearing else Reason.GRADIENT,
        node=node,
        backward=one,
        gradient=row.contribution,
        before=row.before,
        after=row.after,
        place=clearing[0].location if clearing else one.location,
        events=clearing,
        ways=ways(one, node) if node is not None else None,
        passes=added,
        missed=tuple(each.index for each in case.passes if each.recorded == "full" and each.index not in added),
        cuts=tuple(cut for cut in case.cuts if cut.passes),
        owners=owners,
        orphaned_by=None if owners else _stepped(case),
    )


def _returned(case: _Case, found: list[tuple[BackwardPass, Accumulation]]) -> Subject | None:
    if not found:
        return None
    one, row = found[0]
    node = _node_of(one, case.leaf)
    return case.subject(
        Reason.NOT_STORED,
        node=node,
        backward=one,
        gradient=row.contribution,
        place=one.location,
        ways=ways(one, node) if node is not None else None,
        passes=tuple(each.index for each, _ in found),
    )


def _cleared_unread(case: _Case, stored: list[tuple[BackwardPass, Accumulation]]) -> tuple[Event, ...]:
    """The first clearing after each pass, if the leaf's optimizers step and never find anything to read."""
    own = [
        event
        for event in case.trace.events
        if event.process == case.leaf.process
        and (case.leaf.id in event.leaves or (not event.leaves and event.optimizer in case.leaf.optimizers))
    ]
    steps = [event for event in own if event.kind == "step"]
    if not steps:
        return ()
    acting = [event for event in own if event.kind in CLEARING or event.kind == "step"]
    found: dict[object, Event] = {}
    for one, _ in stored:
        first, second = [*(event for event in acting if event.pass_index >= one.index), None, None][:2]
        # A closure clears and runs backward inside of step(): then more passes follow before step() is over.
        if first is None or second is None or first.kind == "step" or second.kind != "step":
            return ()
        if second.pass_index != first.pass_index:
            return ()
        found.setdefault((first.call, first.location), first)
    return (*found.values(), steps[0])


def _stepped(case: _Case) -> OptimizerInfo | None:
    """An optimizer that stepped, and leaves this one alone."""
    stepping = {event.optimizer for event in case.trace.events if event.kind == "step"}
    return next((one for one in case.trace.optimizers if one.id in stepping and one.process == case.leaf.process), None)


def _zero(case: _Case) -> Subject | None:
    """What arrived is exactly zero: where it became so."""
    found = [(one, row) for one, row in case.rows if is_zero(row.contribution)]
    if not found:
        return None
    one, row = min(found, key=lambda pair: pair[0].recorded != "full")
    node = _node_of(one, case.leaf)
    common = {
        "node": node,
        "backward": one,
        "gradient": row.contribution,
        "passes": tuple(each.index for each, _ in found),
    }
    if node is None:
        return case.subject(Reason.ZERO, place=one.location, **common)
    return lost(case.subject(Reason.ZERO, **common), one, node)


def lost(subject: Subject, one: BackwardPass, node: int) -> Subject:
    """The subject with the place at which the gradient on its way to a node became zero."""
    if one.graph is None:
        return subject
    edges = zeroed_by(one, node)
    hooked = _hooked(one.graph, node)
    if hooked is not None:
        culprit, place = hooked
        return replace(subject, reason=Reason.HOOK, culprit=culprit, place=place)
    meeting = cancelled_at(one, node)
    if meeting is not None:
        place = one.graph.nodes[meeting].location or one.location
        return replace(
            subject, reason=Reason.CANCELLED, culprit=meeting, place=place, ways=ways(one, meeting), operand=None
        )
    if not edges:
        began = [root.gradient for root in one.roots]
        reason = Reason.ZERO_ROOT if began and all(map(is_zero, began)) else Reason.ZERO
        return replace(subject, reason=reason, place=one.location)
    first = edges[0]
    culprit_node = one.graph.nodes[first.source]
    return replace(
        subject,
        culprit=first.source,
        operand=first.input,
        slot=first.slot,
        place=culprit_node.location or one.location,
        reentry=route(one, first.source),
    )


def _hooked(graph: Graph, target: int) -> tuple[int, Location | None] | None:
    """The nearest node above the target at which a hook turned a gradient into zeros."""
    adjacency = Adjacency(graph)
    wanted, seen = [target], {target}
    for node in wanted:  # grows while it is walked
        for output in graph.nodes[node].outputs:
            if output.arrived is not None and not is_zero(output.arrived) and is_zero(output.received):
                return node, output.hooks[0] if output.hooks else graph.nodes[node].location
        for position in adjacency.arriving_at(node):
            source = graph.edges[position].source
            if source not in seen:
                seen.add(source)
                wanted.append(source)
    return None


def _frozen(case: _Case) -> Subject | None:
    if case.leaf.requires_grad:
        return None
    events = tuple(event for event in _switches(case) if "False" in event.call)
    place = events[-1].location if events else case.leaf.location
    return case.subject(
        Reason.FROZEN, place=place, events=events[-1:], backward=case.passes[0] if case.passes else None
    )


def _switches(case: _Case) -> list[Event]:
    return [event for event in case.trace.events if event.kind == "requires_grad" and case.leaf.id in event.leaves]


def _in_graph(case: _Case) -> Subject | None:
    """Part of a graph, and nothing came."""
    for one in case.passes:
        node = _node_of(one, case.leaf)
        if node is None or one.graph is None:
            continue
        if one.error is not None:
            return _failed_in(case, one, node)
        sent = [edge for edge in one.graph.edges if edge.target == node]
        ran = [edge for edge in sent if one.graph.nodes[edge.source].order is not None]
        if one.graph.nodes[node].order is None and (not ran or one.call == "autograd.grad"):
            return case.subject(Reason.NOT_ASKED, node=node, backward=one, place=one.location)
        found = lost(case.subject(Reason.NOT_SENT, node=node, backward=one), one, node)
        return found if found.reason is Reason.NOT_SENT else replace(found, reason=Reason.NOT_SENT)
    return None


def _failed_in(case: _Case, one: BackwardPass, node: int | None) -> Subject:
    culprit = one.error.node if one.error is not None else None
    if one.graph is not None and culprit is not None:
        culprit = nearest_place(one.graph, culprit)
    place = one.graph.nodes[culprit].location if one.graph is not None and culprit is not None else None
    return case.subject(Reason.FAILED, node=node, backward=one, culprit=culprit, place=place or one.location)


def nearest_place(graph: Graph, node: int) -> int:
    """The node, or the first one towards the root whose place in the source is known."""
    adjacency = Adjacency(graph)
    wanted, seen = [node], {node}
    for each in wanted:  # grows while it is walked
        if graph.nodes[each].location is not None:
            return each
        for position in adjacency.arriving_at(each):
            source = graph.edges[position].source
            if source not in seen:
                seen.add(source)
                wanted.append(source)
    return node


def _cut(case: _Case) -> Subject | None:
    """A value computed from it left the graph, and came back as a constant; or the root itself had lost its graph."""
    found = [cut for cut in case.cuts if cut.reentry is not None or cut.passes]
    if not found and _has_no_graph(case):
        found = [cut for cut in case.cuts if cut.kind not in READING]
    if not found:
        return None
    first = found[0]
    one = next((each for each in case.passes if each.index in first.passes), None)
    one = one or next((each for each in case.passes if each.recorded == "full"), None)
    return case.subject(
        Reason.CUT,
        place=first.location,
        cuts=tuple(found),
        backward=one,
        reentry=_back_in(one, first) if one is not None else (),
        events=_forced(case, one) if one is not None else (),
    )


def _has_no_graph(case: _Case) -> bool:
    """The program ended because a tensor had no graph, or its passes begin at leaves that were made of results."""
    error = case.trace.run.error
    if error is not None and any(words in error.message for words in _GRAPHLESS):
        return True
    return bool(case.passes) and all(_forced(case, one) for one in case.passes if one.graph is not None)


def _forced(case: _Case, one: BackwardPass) -> tuple[Event, ...]:
    """How the roots of a pass were made to require grad, when they are all leaves: such a pass goes nowhere."""
    graph = one.graph
    if (
        graph is None
        or not one.roots
        or any(root.node is None or graph.nodes[root.node].leaf is None for root in one.roots)
    ):
        return ()
    leaves = {graph.nodes[root.node].leaf for root in one.roots if root.node is not None}
    return tuple(
        event
        for event in case.trace.events
        if event.kind == "requires_grad" and "False" not in event.call and leaves & set(event.leaves)
    )[:1]


def _back_in(one: BackwardPass, cut: Cut) -> tuple[int, ...]:
    """Nodes from a root to the op at which the result of a cut came back."""
    if one.graph is None or cut.reentry is None:
        return ()
    where = (cut.reentry.file, cut.reentry.line)
    here = [
        node.id
        for node in one.graph.nodes
        if node.location is not None and node.leaf is None and (node.location.file, node.location.line) == where
    ]
    exact = [id_ for id_ in here if one.graph.nodes[id_].location == cut.reentry]
    return route(one, (exact or here)[-1]) if here else ()


def _switched_on(case: _Case) -> Subject | None:
    events = [event for event in _switches(case) if "False" not in event.call]
    if not events:
        return None
    one = case.passes[0] if case.passes else None
    return case.subject(Reason.SWITCHED_ON, place=events[-1].location, events=tuple(events[-1:]), backward=one)


def _assigned(case: _Case) -> Subject | None:
    events = [event for event in case.trace.events if event.kind == "grad_modified" and case.leaf.id in event.leaves]
    return case.subject(Reason.ASSIGNED, place=events[0].location, events=tuple(events[:1])) if events else None


def _no_pass(case: _Case) -> Subject | None:
    if case.passes:
        return None
    steps = tuple(event for event in case.trace.events if event.kind == "step")[:1]
    place = steps[0].location if steps else None
    error = case.trace.run.error
    if place is None and error is not None and error.frames:
        place = error.frames[-1]
    return case.subject(Reason.NO_BACKWARD, place=place, events=steps)


def _all_failed(case: _Case) -> Subject | None:
    failed = [one for one in case.passes if one.error is not None]
    return _failed_in(case, failed[0], None) if len(failed) == len(case.passes) else None


def _outside(case: _Case) -> Subject:
    """It is in no graph: whether anything of its module is."""
    module = case.leaf.name.rpartition(".")[0]
    full = [one for one in case.passes if one.graph is not None]
    for one in full:
        for node in one.graph.nodes if one.graph is not None else ():
            if module and node.leaf is None and node.module == module:
                return case.subject(Reason.UNUSED, backward=one, place=node.location, culprit=node.id)
    one_pass = full[0] if full else case.passes[0]
    sibling = _sibling(one_pass, module)
    place = case.leaf.location or one_pass.location
    if sibling is not None and one_pass.graph is not None:
        place = one_pass.graph.nodes[sibling].location
    cuts = (*_of_unknown_origin(case, one_pass), *case.cuts)
    if cuts:
        place, sibling = cuts[0].location, None
    return case.subject(Reason.OUTSIDE, backward=one_pass, place=place, cuts=cuts, culprit=sibling)


def _of_unknown_origin(case: _Case, one: BackwardPass) -> list[Cut]:
    """Constants of the pass's graph that were cut off from something of which nobody knows what it is."""
    unnamed = {leaf.id for leaf in case.trace.leaves if leaf.name == f"leaf {leaf.id}"}
    return [cut for cut in case.trace.cuts if one.index in cut.passes and set(cut.leaves) <= unnamed]


def _sibling(one: BackwardPass, module: str) -> int | None:
    """The last op of a module that stands beside this one, in the same parent: there its own should have stood."""
    parent, dot, _ = module.rpartition(".")
    if one.graph is None or not module:
        return None
    beside = [
        node.id
        for node in one.graph.nodes
        if node.leaf is None and node.location is not None and node.module and node.module.startswith(parent + dot)
    ]
    return min(beside, default=None)


def _node_of(one: BackwardPass, leaf: Leaf) -> int | None:
    if one.graph is None:
        return None
    return next((node.id for node in one.graph.nodes if node.leaf == leaf.id), None)


_REASONS: tuple[Callable[[_Case], Subject | None], ...] = (
    _arrived,
    _zero,
    _frozen,
    _in_graph,
    _switched_on,
    _assigned,
    _cut,
    _no_pass,
    _all_failed,
    _outside,
)
"""In this order: what was measured before what is concluded."""
