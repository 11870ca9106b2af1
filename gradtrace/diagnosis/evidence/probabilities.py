"""Losses over log-probabilities that are given something else, and softmaxes over the wrong dimension."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.errors import called_as
from gradtrace.diagnosis.evidence.shapes import arriving, consumers, full, is_type, outgoing, targets, through_views
from gradtrace.formulas import traits
from gradtrace.model import BackwardPass, Graph, Node, TensorStats, Trace

_DIVERGENCE = "kl_div"
_HOPS = 8
_MATRIX = 2


@dataclass(frozen=True, slots=True)
class NotLog:
    """A loss over log-probabilities that is given something else: the loss's node, its input, and whose result it is.

    `are_probabilities` is False for scores, such as the result of a linear layer.
    """

    backward: BackwardPass
    loss: Node
    given: Node
    call: str
    are_probabilities: bool


@once
def not_log(trace: Trace) -> tuple[NotLog, ...]:
    """Every such loss, once a line."""
    found: dict[tuple[str, int], NotLog] = {}
    for backward, graph in full(trace):
        for node in graph.nodes:
            place = node.location
            key = place.source_line if place is not None else ("", node.id)
            if key in found:
                continue
            for given in _log_inputs(graph, node):
                source = _made_by(graph, given)
                op = traits.of(source)
                is_other = op.is_probability or _is_score(source)
                if is_other and not _is_meant(backward, graph, node, source):
                    call = _DIVERGENCE if node.call == _DIVERGENCE else "nll_loss"
                    found[key] = NotLog(backward, node, source, call, op.is_probability)
    return tuple(found.values())


def _is_score(node: Node) -> bool:
    """Whether a node gives scores: they may be anything, and do not belong to a distribution."""
    op = traits.of(node)
    return op.is_product or op.is_convolution


def _is_meant(backward: BackwardPass, graph: Graph, loss: Node, given: Node) -> bool:
    """Whether a loss is made whole elsewhere: by the logsumexp of the scores, or by `1 +` as the chance of an error.

    The negative of a probability is never above zero, so that only a constant added makes it so.
    """
    if _is_score(given):
        return _goes_into(graph, given, "LogsumexpBackward")
    if not is_type(loss, "NllLoss") or not any(
        root.value is not None and _is_above(root.value) for root in backward.roots
    ):
        return False
    return any(
        is_type(one, "AddBackward", "RsubBackward") and len(targets(graph, one)) == 1 for one in _users(graph, loss)
    )


def _is_above(value: TensorStats) -> bool:
    """Whether no element is negative."""
    return value.min is not None and value.min >= 0


def _users(graph: Graph, node: Node) -> Iterator[Node]:
    """What a value goes into, through views and means of it."""
    for _ in range(_HOPS):
        users = {edge.source for edge in arriving(graph, node)}
        yield from (graph.nodes[one] for one in sorted(users))
        op = traits.of(graph.nodes[min(users)]) if len(users) == 1 else None
        if op is None or not (op.passes_all or op.is_mean or op.is_scaling):
            return
        node = graph.nodes[min(users)]


def _goes_into(graph: Graph, node: Node, wanted: str) -> bool:
    """Whether an operation of this type uses a value, itself or a view of it."""
    near = [(one, consumers(graph, one) if through_views(graph, one) is node else []) for one in consumers(graph, node)]
    return any(is_type(one, wanted) for user, further in near for one in (user, *further))


def _log_inputs(graph: Graph, node: Node) -> Iterator[Node]:
    """What a node takes as log-probabilities."""
    if is_type(node, "NllLoss"):
        yield from targets(graph, node)[:1]
    elif node.call == _DIVERGENCE and is_type(node, "MulBackward", "SubBackward"):
        for edge in outgoing(graph, node):
            below = graph.nodes[edge.target]
            if edge.input == "other" and not (below.call == _DIVERGENCE and below.location == node.location):
                yield below


def _made_by(graph: Graph, node: Node) -> Node:
    """The node that made a value, seen through views and what changes it a little."""
    for _ in range(_HOPS):
        node = through_views(graph, node)
        below = targets(graph, node)
        if not traits.of(node).is_guard or len(below) != 1:
            break
        node = below[0]
    return node


@dataclass(frozen=True, slots=True)
class AcrossRows:
    """A softmax over the first dimension whose result is used row by row: the softmax, and what uses it so."""

    backward: BackwardPass
    softmax: Node
    user: Node


@once
def across_rows(trace: Trace) -> tuple[AcrossRows, ...]:
    """Every such softmax, once a line."""
    found: dict[tuple[str, int], AcrossRows] = {}
    for backward, graph in full(trace):
        for node in graph.nodes:
            place = node.location
            key = place.source_line if place is not None else ("", node.id)
            if key not in found and _is_over_first(node):
                user = _row_user(graph, node)
                if user is not None:
                    found[key] = AcrossRows(backward, node, user)
    return tuple(found.values())


def _is_over_first(node: Node) -> bool:
    """Whether a softmax works along the first of two dimensions or more, neither of which has a single element.

    Two of one size may be scores of pairs, whose columns are distributions as much as its rows are.
    """
    shape = node.shape
    if (
        not traits.of(node).is_softmax
        or shape is None
        or len(shape) < _MATRIX
        or 1 in shape[:_MATRIX]
        or shape[0] == shape[1]
    ):
        return False
    return dict(node.arguments).get("dim") in {"0", str(-len(shape))}


def _row_user(graph: Graph, node: Node) -> Node | None:
    """What picks one element of each row, or compares each row with a class: then a row should be a distribution."""
    ndim = len(node.shape or ())
    for _ in range(_HOPS):
        users = {edge.source for edge in arriving(graph, node)}
        for number in users:
            user = graph.nodes[number]
            is_gathered = is_type(user, "GatherBackward") and _along(user, ndim) == 1
            is_picked = is_type(user, "IndexBackward") and ndim == _MATRIX and user.shape == (node.shape or ())[:1]
            if is_type(user, "NllLoss") or is_gathered or is_picked:
                return user
        following = [graph.nodes[one] for one in users if _is_changed_alone(graph, graph.nodes[one], node)]
        if len(following) != 1:
            return None
        node = following[0]
    return None


def _is_changed_alone(graph: Graph, user: Node, node: Node) -> bool:
    """Whether an op changes each element of a node by itself, and takes in nothing else that has a graph.

    Sums of the same elements may go in too: a distribution is normalised by them.
    """
    if not traits.of(user).is_elementwise:
        return False
    others = [one for one in targets(graph, user) if one.id != node.id]
    return all(traits.of(one).is_spread and [below.id for below in targets(graph, one)] == [node.id] for one in others)


def _along(node: Node, ndim: int) -> int | None:
    text = dict(node.arguments).get("dim", "")
    return int(text) % ndim if text.lstrip("-").isdigit() and ndim else None


def source_name(one: NotLog) -> str:
    """The function that made what the loss is given."""
    return called_as(one.given)
