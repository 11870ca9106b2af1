"""Gradients that come to a parameter along several ways and cancel each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.analysis.topology import reachable, reaching
from gradtrace.diagnosis.evidence.iterations import n_rounds
from gradtrace.diagnosis.evidence.shapes import adjacency, arriving, full, outgoing
from gradtrace.model import BackwardPass, Graph, Leaf, Node, Trace

_REST = 1e-5
"""So much of the largest part is left of the sum."""
_FEWEST = 2
_MATRIX = 2
_MOST_INNER = 16
"""Of so many nodes within a graph at which parts cancel is looked at what lies below."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Leaves whose parts cancel in every recorded pass.

    Attributes:
        parting: the node at which the ways part.
        ways: where they begin, in the order of its arguments.
        rest: what is left of the largest part, in the pass in which most is.
    """

    leaves: tuple[Leaf, ...]
    backward: BackwardPass
    parting: Node
    ways: tuple[Node, ...]
    rest: float


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left of the largest part that came to a leaf, or to the node above it at which the parts met."""

    leaf: int
    met: int
    size: float


@once
def cancelled(trace: Trace) -> Cancelled | None:
    """The leaves whose gradients cancel, if a matrix is among them: the bias of a last layer may do so in theory."""
    rests: dict[int, list[float]] = {}
    passes: dict[int, list[int]] = {}
    met: dict[int, tuple[BackwardPass, Graph, int]] = {}
    for backward, graph in full(trace):
        for rest in _rests(graph):
            rests.setdefault(rest.leaf, []).append(rest.size)
            passes.setdefault(rest.leaf, []).append(backward.index)
            met.setdefault(rest.leaf, (backward, graph, rest.met))
    ids = [leaf for leaf, found in rests.items() if max(found) <= _REST and n_rounds(trace, passes[leaf]) >= _FEWEST]
    leaves = tuple(trace.leaves[one] for one in ids)
    matrix = next((leaf.id for leaf in leaves if _is_matrix(leaf)), None)
    if matrix is None:
        return None
    backward, graph, node = met[matrix]
    toward = reaching(graph, [node], adjacency(graph))
    parting = _parting(graph, node, toward)
    if parting is None:
        return None
    ways = tuple(graph.nodes[edge.target] for edge in outgoing(graph, parting) if edge.target in toward)
    return Cancelled(leaves, backward, parting, ways, max(max(rests[one]) for one in ids))


def _is_matrix(leaf: Leaf) -> bool:
    """Whether at least two dimensions have more than one element: a bias may be stored as a row or a column."""
    return sum(size > 1 for size in leaf.shape) >= _MATRIX


def _rests(graph: Graph) -> Iterator[_Rest]:
    """For every leaf that got something: what is left of its largest part; all, where nothing cancels."""
    inner: list[tuple[int, float]] = []
    of_leaves: dict[int, _Rest] = {}
    for node in graph.nodes:
        parts = [edge.sent.norm for edge in arriving(graph, node) if edge.sent is not None and edge.sent.norm]
        received = node.received.norm if node.received is not None else None
        if received is None or len(node.outputs) > 1:
            continue
        is_sum = len(parts) > 1 and not any(output.hooks for output in node.outputs)
        size = received / max(parts) if is_sum else 1.0
        if node.leaf is not None:
            of_leaves[node.leaf] = _Rest(node.leaf, node.id, size)
        elif is_sum and size <= _REST:
            inner.append((node.id, max(parts)))
    for number, largest in inner[:_MOST_INNER]:
        for below in reachable(graph, [number], adjacency(graph)):
            node = graph.nodes[below]
            if node.leaf is not None and node.received is not None and node.received.norm is not None:
                size = node.received.norm / largest
                if size <= _REST < of_leaves[node.leaf].size:
                    of_leaves[node.leaf] = _Rest(node.leaf, number, size)
    yield from of_leaves.values()


def _parting(graph: Graph, end: int, toward: set[int]) -> Node | None:
    """The last node above another through which all ways to that lead."""
    edges = adjacency(graph)
    ran = sorted((node for node in graph.nodes if node.id in toward and node.order is not None), key=_order)
    n_open, last = 0, None
    for node in ran:
        if node.id == end:
            break
        n_open -= sum(graph.edges[one].sent is not None for one in edges.arriving_at(node.id))
        if n_open <= 0:
            last = node
        n_open += sum(
            graph.edges[one].target in toward and graph.edges[one].sent is not None for one in edges.sent_by(node.id)
        )
    return last


def _order(node: Node) -> int:
    return node.order or 0
