"""Numbers that `torch.normal` drew around tensors with a graph: gradients arrive there, and zeros go on."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.shapes import arriving, full, is_type, targets, through_views
from gradtrace.formulas import traits
from gradtrace.model import BackwardPass, Graph, Node, Trace

_IN_PLACE = "NormalBackward0"
"""`x.normal_()` draws around nothing that has a graph."""
_HOPS = 8


@dataclass(frozen=True, slots=True)
class DrawnConstant:
    """A draw, and the first pass that ran through it."""

    backward: BackwardPass
    node: Node


@once
def drawn_constants(trace: Trace) -> tuple[DrawnConstant, ...]:
    """The first of each line, but for those whose likelihood is computed."""
    found: dict[object, DrawnConstant] = {}
    for backward, graph in full(trace):
        for node in graph.nodes:
            if not is_type(node, "NormalBackward") or node.type == _IN_PLACE or node.order is None:
                continue
            key = node.location.source_line if node.location is not None else node.type
            if key not in found and not _is_scored(graph, node):
                found[key] = DrawnConstant(backward, node)
    return tuple(found.values())


def _is_scored(graph: Graph, draw: Node) -> bool:
    """Whether what was drawn is compared with its own mean or deviation: then its likelihood carries the gradient."""
    around = {through_views(graph, one).id for one in targets(graph, draw)}
    met, waiting = {draw.id}, [draw]
    for _ in range(_HOPS):
        users = {edge.source: graph.nodes[edge.source] for node in waiting for edge in arriving(graph, node)}
        waiting = [user for user in users.values() if user.id not in met and traits.of(user).is_elementwise]
        for user in users.values():
            others = [one for one in targets(graph, user) if one.id not in met]
            if any(through_views(graph, one).id in around for one in others):
                return True
        met |= {user.id for user in waiting}
    return False
