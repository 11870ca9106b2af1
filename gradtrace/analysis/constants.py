"""What took part in a graph without a gradient of its own: inputs, targets, indices, plain numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.model import Graph, Node, SavedTensor

_ARGUMENTS = frozenset(
    {
        *("self", "other", "mat1", "mat2", "mat", "batch1", "batch2", "vec", "vec1", "vec2", "tensor1", "tensor2"),
        *("input", "weight", "exponent", "target", "index", "query", "key", "value", "condition"),
    }
)
"""Torch's names of the arguments that a user passes; a node also saves results (`result`, `total_weight`, ...)."""
_INDEX_OPS = frozenset({"embedding", "embedding_bag"})
"""Ops whose `indices` are an argument; elsewhere they are a result."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor that a node took in and that requires no grad; `saved` is what the node keeps of it."""

    node: int
    saved: SavedTensor


def constants(graph: Graph) -> Iterator[Constant]:
    """The constants of a whole graph, as far as nodes keep them for their backward, in order of the nodes.

    Where values were cut off (`Node.cuts`) the constant is the cut's, and not listed here.
    """
    inputs: defaultdict[int, set[str | None]] = defaultdict(set)
    for edge in graph.edges:
        inputs[edge.source].add(edge.input)
    for node in graph.nodes:
        known = inputs[node.id]
        if node.is_custom or node.cuts or None in known:
            continue
        yield from (
            Constant(node.id, saved)
            for saved in node.saved
            if is_argument(node, saved.name) and saved.name not in known
        )


def is_argument(node: Node, name: str) -> bool:
    """Whether torch calls so what a caller passes to the op, not what the op makes."""
    return name in _ARGUMENTS or (name == "indices" and node.op in _INDEX_OPS)
