"""Where on its way a gradient became zero, or was not sent at all."""

from __future__ import annotations

from dataclasses import replace

from gradtrace.analysis.paths import cancelled_at, is_zero, route, ways, zeroed_by
from gradtrace.analysis.reasons_answer import Reason, Subject
from gradtrace.analysis.topology import towards_roots
from gradtrace.model import BackwardPass, Graph, Location


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
    for node in towards_roots(graph, target):
        for output in graph.nodes[node].outputs:
            if output.arrived is not None and not is_zero(output.arrived) and is_zero(output.received):
                return node, output.hooks[0] if output.hooks else graph.nodes[node].location
    return None


def nearest_place(graph: Graph, node: int) -> int:
    """The node, or the first one towards the root whose place in the source is known."""
    return next((each for each in towards_roots(graph, node) if graph.nodes[each].location is not None), node)
