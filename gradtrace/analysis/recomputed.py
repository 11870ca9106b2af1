"""How far what was recomputed inside a compiled region agrees with what the region sent."""

from __future__ import annotations

from gradtrace.model import Graph, Node

_TOLERANCES = {"float16": 2e-2, "bfloat16": 5e-2, "float64": 1e-6}
_USUAL = 2e-3


def disagreement(graph: Graph, node: Node) -> tuple[float, float] | None:
    """The norms of a gradient that a region sent, and of the same one recomputed, where these differ most.

    None where all agree within the rounding of their dtype, or nothing was recomputed.
    """
    if node.region is None or node.recomputed is None:
        return None
    worst, found = 0.0, None
    for edge in graph.edges:
        if edge.source != node.id or edge.sent is None or edge.slot >= len(node.region.results):
            continue
        row = node.region.results[edge.slot]
        value = None if row is None or row >= len(node.recomputed.values) else node.recomputed.values[row]
        sent, again = edge.sent.norm, None if value is None else value.norm
        if not isinstance(sent, float) or not isinstance(again, float):
            continue
        gap = abs(sent - again) / max(abs(sent), abs(again), 1e-30)
        if gap > max(worst, _TOLERANCES.get(edge.sent.dtype, _USUAL)):
            worst, found = gap, (sent, again)
    return found
