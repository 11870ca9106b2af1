"""Leaves that get sparse gradients, and those that get dense ones besides."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.shapes import arriving, full
from gradtrace.model import Graph, Leaf, Node, Trace

_SPARSE = ("sparse", "True")
"""The argument of a lookup that makes its gradient sparse."""


@dataclass(frozen=True, slots=True)
class SparseLeaf:
    """A leaf, the nodes that send it sparse gradients, and those that send dense ones: the sum is dense then."""

    leaf: Leaf
    sparse: tuple[Node, ...]
    dense: tuple[Node, ...]


@once
def sparse_leaves(trace: Trace) -> dict[int, SparseLeaf]:
    """By id: the leaves to which a lookup sends a sparse gradient in the first pass that was recorded in full."""
    found: dict[int, SparseLeaf] = {}
    for _, graph in full(trace):
        if not any(_SPARSE in node.arguments for node in graph.nodes):
            continue
        for node in graph.nodes:
            if node.leaf is None or node.leaf in found:
                continue
            users = _users(graph, node)
            sparse = tuple(one for one in users if _SPARSE in one.arguments)
            if sparse:
                dense = tuple(one for one in users if _SPARSE not in one.arguments)
                found[node.leaf] = SparseLeaf(trace.leaves[node.leaf], sparse, dense)
    return found


def _users(graph: Graph, leaf: Node) -> list[Node]:
    """The nodes that send a leaf a gradient; of a transposition those that send to it."""
    users = [graph.nodes[edge.source] for edge in arriving(graph, leaf)]
    turned = [graph.nodes[edge.source] for one in users if _is_turned(one) for edge in arriving(graph, one)]
    return [*(one for one in users if not _is_turned(one)), *turned]


def _is_turned(node: Node) -> bool:
    return node.type == "TBackward0"
