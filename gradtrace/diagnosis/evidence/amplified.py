"""Where a division makes a gradient far larger than it was."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.shapes import full, is_type, targets
from gradtrace.model import BackwardPass, Graph, Node, Trace

_FACTOR = 1e6
_CALLS = frozenset({"normalize", "cosine_similarity", "cosine_embedding_loss"})
_NORMS = ("LinalgVectorNorm", "NormBackward", "LinalgNorm")
_HOPS = 4


def normalized(trace: Trace) -> Iterator[tuple[BackwardPass, Node]]:
    """Divisions by a norm that send a gradient a million times larger than that which arrives."""
    for backward, graph in full(trace):
        for edge in graph.edges:
            node = graph.nodes[edge.source]
            received, sent = node.received, edge.sent
            if (
                is_type(node, "DivBackward", "CosineSimilarity", "MulBackward")
                and received is not None
                and received.norm
                and sent is not None
                and sent.norm is not None
                and sent.norm > _FACTOR * received.norm
                and (node.call in _CALLS or _is_by_norm(graph, node))
            ):
                yield backward, node


def _is_by_norm(graph: Graph, node: Node) -> bool:
    """A norm lies a few nodes below the divisor."""
    if not is_type(node, "DivBackward"):
        return False
    level = targets(graph, node)[1:]
    for _ in range(_HOPS):
        if any(is_type(one, *_NORMS) for one in level):
            return True
        level = [below for one in level for below in targets(graph, one)]
    return False
