"""Shapes of graphs that are wrong whatever the numbers: what follows what, and which sizes meet."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import takewhile

from gradtrace.model import BackwardPass, Edge, Graph, Node, Recorded, Trace

_VIEWS = (
    "ViewBackward",
    "UnsafeViewBackward",
    "ReshapeAliasBackward",
    "SqueezeBackward",
    "UnsqueezeBackward",
    "TransposeBackward",
    "PermuteBackward",
    "TBackward",
    "CloneBackward",
    "ToCopyBackward",
    "AsStridedBackward",
    "SelectBackward",
    "SliceBackward",
    "IndexBackward",
    "AliasBackward",
)
_ELEMENTWISE = (
    *_VIEWS,
    "PowBackward",
    "AbsBackward",
    "SqrtBackward",
    "LogBackward",
    "Log1PBackward",
    "CoshBackward",
    "LogcoshBackward",
    "MulBackward",
    "DivBackward",
    "NegBackward",
    "ClampBackward",
    "ClampMinBackward",
    "WhereBackward",
)
_PRODUCTS = ("MmBackward", "AddmmBackward", "BmmBackward", "BaddbmmBackward", "MvBackward", "DotBackward", "ScaledDot")


def is_type(node: Node, *types: str) -> bool:
    """Whether the node's type begins with one of these (torch numbers its overloads: `PowBackward0`)."""
    return node.type.startswith(types)


def full(trace: Trace) -> Iterator[tuple[BackwardPass, Graph]]:
    """The passes that were recorded in full, with their graphs."""
    for backward in trace.passes:
        if backward.graph is not None and backward.recorded == Recorded.FULL:
            yield backward, backward.graph


def outgoing(graph: Graph, node: Node) -> list[Edge]:
    """The edges that leave a node; edges stand in order of their sources."""
    edges = graph.edges
    first = bisect_left(edges, node.id, key=_source)
    return list(
        takewhile(lambda edge: edge.source == node.id, (edges[position] for position in range(first, len(edges))))
    )


def _source(edge: Edge) -> int:
    return edge.source


def targets(graph: Graph, node: Node) -> list[Node]:
    """The nodes that a node sends to."""
    return [graph.nodes[edge.target] for edge in outgoing(graph, node)]


def through_views(graph: Graph, node: Node) -> Node:
    """The node itself or, when it only looks at a tensor in another shape, the one that made the tensor."""
    while is_type(node, *_VIEWS):
        below = targets(graph, node)
        if not below:
            break
        node = below[0]
    return node


def fed_by(trace: Trace, above: str, below: str) -> Iterator[tuple[BackwardPass, Node, Node]]:
    """Nodes of the one type whose first input is a node of the other type, seen through views: one for each place."""
    told = set()
    for backward, graph in full(trace):
        for node in graph.nodes:
            if not is_type(node, above):
                continue
            first = targets(graph, node)[:1]
            if not first:
                continue
            source = through_views(graph, first[0])
            place = (node.location.file, node.location.line) if node.location else ("", node.id)
            if is_type(source, below) and place not in told:
                told.add(place)
                yield backward, node, source


def consumers(graph: Graph) -> dict[int, list[Node]]:
    """By node: those that send to it."""
    found: dict[int, list[Node]] = {}
    for edge in graph.edges:
        found.setdefault(edge.target, []).append(graph.nodes[edge.source])
    return found


def is_reduced_whole(graph: Graph, node: Node) -> bool:
    """Whether a value goes through elementwise operations alone into a sum or a mean over all of it."""
    above = consumers(graph)
    for _ in range(len(graph.nodes)):
        users = above.get(node.id, [])
        if len({user.id for user in users}) != 1:
            return False
        node = users[0]
        if is_type(node, "MeanBackward0", "SumBackward0"):
            return True
        if not is_type(node, *_ELEMENTWISE):
            return False
    return False


def ends_in_loss(graph: Graph, node: Node) -> bool:
    """Whether nothing between a value and the roots mixes it with others in a product of matrices."""
    above = consumers(graph)
    seen = {node.id}
    stack = [node]
    while stack:
        for user in above.get(stack.pop().id, []):
            if is_type(user, *_PRODUCTS):
                return False
            if user.id not in seen:
                seen.add(user.id)
                stack.append(user)
    return True


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
            place = (node.location.file, node.location.line) if node.location else ("", node.id)
            if place not in told and _is_squared(graph, node):
                told.add(place)
                yield backward, node


def _is_squared(graph: Graph, node: Node) -> bool:
    if is_type(node, "MseLoss", "L1Loss", "SmoothL1Loss", "HuberLoss"):
        below = targets(graph, node)
        saved = [_fits(one.shape) for one in node.saved if one.name in {"self", "target"}]
        return any(is_type(one, "ExpandBackward") for one in below) and any(saved)
    if not is_type(node, "SubBackward", "RsubBackward") or not _fits(node.shape):
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
