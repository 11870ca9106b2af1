"""Targets that a network computes for itself: a reward plus the discounted value of what follows."""

from __future__ import annotations

from gradtrace.diagnosis.evidence.shapes import is_type, outgoing, targets, through_views
from gradtrace.formulas import traits
from gradtrace.formulas.trait_kinds import Zeros
from gradtrace.model import Graph, Node

_HOPS = 12


def is_bootstrapped(graph: Graph, target: Node, others: list[int]) -> bool:
    """Whether one side of a comparison is a constant plus a scaled value of the network that the other side is.

    Both sides end at the last layer of the same parameters, called anew.
    """
    total = through_views(graph, target)
    if not is_type(total, "AddBackward") or len(outgoing(graph, total)) != 1:
        return False
    scaled = through_views(graph, targets(graph, total)[0])
    if not is_type(scaled, "MulBackward") or len(outgoing(graph, scaled)) != 1:
        return False
    head = _head(graph, scaled)
    if head is None:
        return False
    weights = _weights(graph, head)
    return any(
        other is not None and other.id != head.id and bool(weights & _weights(graph, other))
        for other in (_head(graph, graph.nodes[one]) for one in others)
    )


def _head(graph: Graph, node: Node) -> Node | None:
    """The linear layer whose results a value was picked from, seen through scalings by constants."""
    for _ in range(_HOPS):
        node = through_views(graph, node)
        op = traits.of(node)
        if op.is_product:
            return node
        below = targets(graph, node)
        is_scaled = (op.is_scaling or op.is_addition) and len(below) == 1
        is_picked = op.zeros in (Zeros.NOT_LARGEST, Zeros.NOT_SMALLEST) or op.is_mean
        if not below or not (is_scaled or is_picked):
            return None
        node = below[0]
    return None


def _weights(graph: Graph, head: Node) -> set[int]:
    """The leaves that a layer takes as they are, or transposed."""
    found = set()
    for below in targets(graph, head):
        source = through_views(graph, below)
        if source.leaf is not None:
            found.add(source.leaf)
    return found
