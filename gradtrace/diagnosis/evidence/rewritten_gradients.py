"""Gradients that changed between the node that sent them and a node that received them: somebody wrote into them.

A sum hands one and the same tensor to all that it was summed from. Who changes the tensor that it was given changes
what the others get.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.shapes import arriving, full, is_type, outgoing, through_views
from gradtrace.model import BackwardPass, Edge, Graph, Location, Node, NodeOutput, TensorStats, Trace

_CLOSE = 1e-6
_HOPS = 16
"""So many views are looked through."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A gradient that one node changed in place before another received it.

    Attributes:
        writer: the node that changed it: a custom Function, or one with a hook.
        place: the `backward`, or where the hook was registered.
        victim: the node that got the changed one.
        source: the node that sent it to both.
    """

    backward: BackwardPass
    writer: Node
    place: Location | None
    victim: Node
    source: Node
    is_hook: bool


@once
def rewritten(trace: Trace) -> tuple[Rewritten, ...]:
    """Every such gradient, once for each place that changes one."""
    found: dict[tuple[str, int], Rewritten] = {}
    for backward, graph in full(trace):
        for node in graph.nodes:
            place = _writes_at(node)
            if place is None:
                continue
            key = place.source_line
            harmed = _harmed(backward, graph, node, place) if key not in found else None
            if harmed is not None:
                found[key] = harmed
    return tuple(found.values())


def _writes_at(node: Node) -> Location | None:
    """The code of the program's that changed what the node received: its `backward`, or a hook at it."""
    for output in node.outputs:
        if node.is_custom and has_changed(output):
            return node.backward_location
        if output.hooks and _differs(output.arrived, output.received):
            return output.hooks[-1]
    return None


def has_changed(output: NodeOutput) -> bool:
    """Whether what arrived is not what the node worked with, although no hook stands between."""
    one, other = output.arrived, output.received
    return (
        not output.hooks
        and one is not None
        and other is not None
        and (one.shape, one.dtype) == (other.shape, other.dtype)
    )


def _differs(one: TensorStats | None, other: TensorStats | None) -> bool:
    if one is None or other is None or one.norm is None or other.norm is None:
        return False
    return abs(one.norm - other.norm) > _CLOSE * max(abs(one.norm), abs(other.norm))


def _harmed(backward: BackwardPass, graph: Graph, writer: Node, place: Location) -> Rewritten | None:
    """The first other receiver of the tensor that a node has changed, if it received it later."""
    edges = arriving(graph, writer)
    for _ in range(_HOPS):
        if len(edges) != 1 or writer.order is None:
            return None
        source = graph.nodes[edges[0].source]
        for edge in outgoing(graph, source):
            other = graph.nodes[edge.target]
            if other.id != edges[0].target and _is_same(edge, edges[0]) and _gets_it(graph, other, edge, writer.order):
                is_hook = not writer.is_custom
                return Rewritten(backward, writer, place, other, source, is_hook)
        if through_views(graph, source) is source:
            return None
        edges = arriving(graph, source)
    return None


def _is_same(one: Edge, other: Edge) -> bool:
    """Whether two edges may have carried one tensor."""
    if one.sent is None or other.sent is None:
        return False
    same = (one.sent.shape, one.sent.dtype, one.sent.norm) == (other.sent.shape, other.sent.dtype, other.sent.norm)
    return same and one.sent.norm != 0


def _gets_it(graph: Graph, node: Node, edge: Edge, order: int) -> bool:
    """Whether a node ran later, and what it received was changed in between.

    Where several gradients are summed up for it, nobody has seen that: then a sum above must have sent the very tensor,
    and nothing else may have come before it was changed.
    """
    if node.order is None or node.order <= order:
        return False
    others = [one for one in arriving(graph, node) if one.output == edge.output and one is not edge]
    if not others:
        return any(output.index == edge.output and has_changed(output) for output in node.outputs)
    orders = [graph.nodes[one.source].order for one in others if one.sent is not None]
    return is_type(graph.nodes[edge.source], "AddBackward") and all(one is not None and one >= order for one in orders)
