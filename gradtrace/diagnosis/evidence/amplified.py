"""Where a division makes a gradient far larger than it was."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.shapes import full, is_type, targets
from gradtrace.formulas import traits
from gradtrace.model import BackwardPass, Graph, Node, Trace

_FACTOR = 1e6
_HOPS = 4


def normalized(trace: Trace) -> Iterator[tuple[BackwardPass, Node]]:
    """Divisions by a norm that send a gradient a million times larger than that which arrives."""
    for backward, graph in full(trace):
        for edge in graph.edges:
            node = graph.nodes[edge.source]
            received, sent = node.received, edge.sent
            if (
                traits.of(node).is_scaling
                and received is not None
                and received.norm
                and sent is not None
                and sent.norm is not None
                and sent.norm > _FACTOR * received.norm
                and (traits.called(node.call or "").normalizes or _is_by_norm(graph, node))
            ):
                yield backward, node


def _is_by_norm(graph: Graph, node: Node) -> bool:
    """A norm lies a few nodes below the divisor."""
    if not is_type(node, "DivBackward"):
        return False
    level = targets(graph, node)[1:]
    for _ in range(_HOPS):
        if any(traits.of(one).is_norm for one in level):
            return True
        level = [below for one in level for below in targets(graph, one)]
    return False
