"""Shapes of graphs that are wrong whatever the numbers: what follows what, and which sizes meet."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.once import once
from gradtrace.analysis.topology import Adjacency, reachable, reaching
from gradtrace.formulas import traits
from gradtrace.formulas.trait_kinds import Breaks
from gradtrace.model import BackwardPass, Edge, Graph, Node, Recorded, Trace

_TWICE = 2


def is_type(node: Node, *types: str) -> bool:
    """Whether the node's type begins with one of these (torch numbers its overloads: `PowBackward0`).

    What torch does in a second derivative is another operation (`ThresholdBackwardBackward0` is no ReLU).
    """
    return node.type.startswith(types) and node.type.count("Backward") < _TWICE


def full(trace: Trace) -> Iterator[tuple[BackwardPass, Graph]]:
    """The passes that were recorded in full, with their graphs."""
    for backward in trace.passes:
        if backward.graph is not None and backward.recorded == Recorded.FULL:
            yield backward, backward.graph


adjacency = once(Adjacency)
"""The edges of a graph by node."""


def outgoing(graph: Graph, node: Node) -> list[Edge]:
    """The edges that leave a node, by slot."""
    return [graph.edges[position] for position in adjacency(graph).sent_by(node.id)]


def arriving(graph: Graph, node: Node) -> list[Edge]:
    """The edges that arrive at a node, in order of their sources."""
    return [graph.edges[position] for position in adjacency(graph).arriving_at(node.id)]


def targets(graph: Graph, node: Node) -> list[Node]:
    """The nodes that a node sends to."""
    return [graph.nodes[edge.target] for edge in outgoing(graph, node)]


def through_views(graph: Graph, node: Node) -> Node:
    """The node itself or, when it only looks at a tensor in another shape, the one that made the tensor."""
    known, way = _behind_views(graph), [node.id]
    while way[-1] not in known and traits.of(graph.nodes[way[-1]]).passes_elements:
        first = next(iter(outgoing(graph, graph.nodes[way[-1]])), None)
        if first is None:
            break
        way.append(first.target)
    behind = known.get(way[-1], way[-1])
    known.update(dict.fromkeys(way, behind))
    return graph.nodes[behind]


@once
def _behind_views(graph: Graph) -> dict[int, int]:
    """By node: what `through_views` has found, so that no chain of views is walked twice."""
    del graph
    return {}


def fed_by(trace: Trace, above: str, below: str) -> Iterator[tuple[BackwardPass, Node, Node]]:
    """Nodes of the one type whose first input is a node of the other type: one for each place.

    It is seen through views, and through `cat` and `stack` where all that they join is of that type.
    """
    told = set()
    for backward, graph in full(trace):
        for node in graph.nodes:
            if not is_type(node, above):
                continue
            first = targets(graph, node)[:1]
            if not first:
                continue
            place = node.location.source_line if node.location else ("", node.id)
            sources = _joined(graph, through_views(graph, first[0])) if place not in told else []
            if sources and all(is_type(source, below) for source in sources):
                told.add(place)
                yield backward, node, sources[0]


def _joined(graph: Graph, node: Node) -> list[Node]:
    """What `cat` and `stack` have joined, seen through views; another node alone."""
    if not is_type(node, "CatBackward", "StackBackward"):
        return [node]
    return [through_views(graph, one) for one in targets(graph, node)]


def consumers(graph: Graph, node: Node) -> list[Node]:
    """The nodes that send to a node."""
    return [graph.nodes[edge.source] for edge in arriving(graph, node)]


def is_reduced_whole(graph: Graph, node: Node) -> bool:
    """Whether a value goes through elementwise operations alone, on every way, into a sum or a mean over all of it."""
    known, stack = _reduced(graph), [node.id]
    while stack:
        number = stack[-1]
        one = graph.nodes[number]
        users = {edge.source for edge in arriving(graph, one)} if number not in known else set()
        kinds = {user: _reduction(one, graph.nodes[user]) for user in users}
        pending = [user for user, kind in kinds.items() if kind is None and user not in known]
        if number in known or not pending or False in kinds.values():
            known.setdefault(number, bool(users) and all(kinds[user] or known.get(user, False) for user in users))
            stack.pop()
        else:
            stack += pending
    return known[node.id]


def _reduction(node: Node, user: Node) -> bool | None:
    """Whether a user of a value sums all of it up; None where it makes another value of each element."""
    op = traits.of(user)
    if op.is_spread:
        return True if user.shape == () else None
    if op.passes_elements:
        return None
    is_step = op.is_loss_step or (op.is_elementwise and op.breaks is not Breaks.EXP)
    return None if is_step and user.shape == node.shape else False


@once
def _reduced(graph: Graph) -> dict[int, bool]:
    """By node: what `is_reduced_whole` has found, so that no chain is walked twice."""
    del graph
    return {}


def ends_in_loss(graph: Graph, node: Node) -> bool:
    """Whether nothing between a value and the roots mixes it with others in a product of matrices."""
    return node.id not in _in_products(graph)


@once
def _in_products(graph: Graph) -> set[int]:
    """The nodes whose values go, sooner or later, into a product of matrices."""
    factors = {edge.target for node in graph.nodes if traits.of(node).mixes for edge in outgoing(graph, node)}
    return reachable(graph, factors, adjacency(graph))


def leading_to(graph: Graph, leaves: frozenset[int]) -> set[int]:
    """The nodes from which a gradient can come to one of these leaves."""
    ends = [node.id for node in graph.nodes if node.leaf in leaves and node.leaf is not None]
    return reaching(graph, ends, adjacency(graph)) if ends else set()


def numel(shape: tuple[int, ...] | None) -> int:
    """How many elements a shape has; 0 when it is not known."""
    if shape is None:
        return 0
    product = 1
    for size in shape:
        product *= size
    return product


def dimension(node: Node) -> int | None:
    """The size of the dimension along which a node works, when that is known."""
    text = dict(node.arguments).get("dim")
    shape = node.shape
    if text is None or not shape or not text.lstrip("-").isdigit() or not -len(shape) <= int(text) < len(shape):
        return None
    return shape[int(text)]


def squared(trace: Trace) -> Iterator[tuple[BackwardPass, Node]]:
    """Differences of two columns or rows that were broadcast to a square and then summed up: one for each place."""
    told = set()
    for backward, graph in full(trace):
        for node in graph.nodes:
            place = node.location.source_line if node.location else ("", node.id)
            if place not in told and _is_squared(graph, node):
                told.add(place)
                yield backward, node


def _is_squared(graph: Graph, node: Node) -> bool:
    op = traits.of(node)
    if op.is_loss and op.compares:
        below = targets(graph, node)
        saved = [_fits(one.shape) for one in node.saved if one.name in {"self", "target"}]
        return any(is_type(one, "ExpandBackward") for one in below) and any(saved)
    if not op.compares or not _fits(node.shape):
        return False
    below = targets(graph, node)
    if len(below) != 1:
        return False
    shape = node.shape or ()
    source = below[0].shape or tuple(
        size for edge in outgoing(graph, node) if edge.sent is not None for size in edge.sent.shape
    )
    if is_type(below[0], "UnsqueezeBackward", "ExpandBackward"):
        return False
    return source in {(shape[0], 1), (shape[0],), (1, shape[0])} and is_reduced_whole(graph, node)


def _fits(shape: tuple[int, ...] | None) -> bool:
    return shape is not None and len(shape) == 2 and shape[0] == shape[1] > 1  # noqa: PLR2004  a square has two sides
