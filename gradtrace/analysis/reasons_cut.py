"""Why a leaf got nothing when a value that was computed from it left the graph."""

from __future__ import annotations

from gradtrace.analysis.paths import route
from gradtrace.analysis.reasons_answer import Reason, Subject
from gradtrace.analysis.reasons_case import Case, is_look
from gradtrace.model import BackwardPass, Cut, Event, EventKind, Recorded

_GRAPHLESS = ("does not require grad", "doesn't require grad", "Inference tensor")
"""What torch says of a tensor that should have a graph and has none."""


def cut_reason(case: Case) -> Subject | None:
    """A value computed from it left the graph, and came back as a constant; or the root itself had lost its graph."""
    found = [cut for cut in case.cuts if cut.reentry is not None or cut.passes]
    if not found and _has_no_graph(case):
        found = [cut for cut in case.cuts if not is_look(cut)]
    if not found:
        return None
    first = found[0]
    one = next((each for each in case.passes if each.index in first.passes), None)
    one = one or next((each for each in case.passes if each.recorded == Recorded.FULL), None)
    return case.subject(
        Reason.CUT,
        place=first.location,
        cuts=tuple(found),
        backward=one,
        reentry=_back_in(one, first) if one is not None else (),
        events=_forced(case, one) if one is not None else (),
    )


def _has_no_graph(case: Case) -> bool:
    """The program ended because a tensor had no graph, or its passes begin at leaves that were made of results."""
    error = case.trace.run.error
    if error is not None and any(words in error.message for words in _GRAPHLESS):
        return True
    return bool(case.passes) and all(_forced(case, one) for one in case.passes if one.graph is not None)


def _forced(case: Case, one: BackwardPass) -> tuple[Event, ...]:
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
        if event.kind == EventKind.REQUIRES_GRAD and event.requires_grad and leaves & set(event.leaves)
    )[:1]


def _back_in(one: BackwardPass, cut: Cut) -> tuple[int, ...]:
    """Nodes from a root to the op at which the result of a cut came back."""
    nodes = one.graph.nodes if one.graph is not None else ()
    node = next((node.id for node in nodes if cut.id in node.cuts), None)
    return () if node is None else route(one, node)
