"""Gradients that come to a parameter along several ways and cancel each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.iterations import n_rounds
from gradtrace.diagnosis.evidence.shapes import adjacency, arriving, full, leading_to, outgoing
from gradtrace.model import BackwardPass, Graph, Leaf, Node, Trace

_REST = 1e-5
"""So much of the largest part is left of the sum."""
_FEWEST = 2
_MATRIX = 2


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


@once
def cancelled(trace: Trace) -> Cancelled | None:
    """The leaves whose gradients cancel, if a matrix is among them: the bias of a last layer may do so in theory."""
    rests: dict[int, list[float]] = {}
    passes: dict[int, list[int]] = {}
    first: tuple[BackwardPass, Graph] | None = None
    for backward, graph in full(trace):
        for leaf, rest in _rests(graph):
            rests.setdefault(leaf, []).append(rest)
            passes.setdefault(leaf, []).append(backward.index)
            if rest <= _REST and first is None:
                first = backward, graph
    ids = [leaf for leaf, found in rests.items() if max(found) <= _REST and n_rounds(trace, passes[leaf]) >= _FEWEST]
    leaves = tuple(trace.leaves[one] for one in ids)
    if first is None or not any(len(leaf.shape) >= _MATRIX and max(leaf.shape) > 1 for leaf in leaves):
        return None
    backward, graph = first
    matrix = next(leaf.id for leaf in leaves if len(leaf.shape) >= _MATRIX)
    parting = _parting(graph, matrix)
    if parting is None:
        return None
    toward = leading_to(graph, frozenset({matrix}))
    ways = tuple(graph.nodes[edge.target] for edge in outgoing(graph, parting) if edge.target in toward)
    return Cancelled(leaves, backward, parting, ways, max(max(rests[one]) for one in ids))


def _rests(graph: Graph) -> Iterable[tuple[int, float]]:
    """For every leaf that got something: what is left of its largest part; all, where there is one alone."""
    for node in graph.nodes:
        if node.leaf is None or node.received is None or node.received.norm is None:
            continue
        parts = [edge.sent.norm for edge in arriving(graph, node) if edge.sent is not None and edge.sent.norm]
        if parts:
            is_sum = len(parts) > 1 and not any(output.hooks for output in node.outputs)
            yield node.leaf, node.received.norm / max(parts) if is_sum else 1.0


def _parting(graph: Graph, leaf: int) -> Node | None:
    """The last node through which all ways to a leaf lead."""
    toward = leading_to(graph, frozenset({leaf}))
    edges = adjacency(graph)
    ran = sorted((node for node in graph.nodes if node.id in toward and node.order is not None), key=_order)
    n_open, last = 0, None
    for node in ran:
        if node.leaf is not None:
            continue
        n_open -= sum(graph.edges[one].sent is not None for one in edges.arriving_at(node.id))
        if n_open <= 0:
            last = node
        n_open += sum(
            graph.edges[one].target in toward and graph.edges[one].sent is not None for one in edges.sent_by(node.id)
        )
    return last


def _order(node: Node) -> int:
    return node.order or 0
