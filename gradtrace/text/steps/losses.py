"""Softmax minus one-hot: what cross-entropy sends to the scores, told over the two ops of which torch makes it."""

from gradtrace.model import Graph, Node
from gradtrace.text import wording
from gradtrace.text.source_maths import operands, span
from gradtrace.text.steps.arrays import Array

WORDS = (
    "Each score gets its softmax probability, that of the right class minus 1 (softmax minus one-hot); so the "
    "gradients of a row sum to 0."
)

_MEAN, _SUM = "1", "2"
_NAMES = ("cross_entropy", "nll_loss")
OPS_OF_LOSS = frozenset({"log_softmax", *_NAMES})
"""What `WORDS` tells."""


def softmax_minus_one_hot(graph: Graph, node: Node) -> str:
    """What a log_softmax below a plain nll_loss sends on: `= (softmax − one-hot of t) ÷ 4`; empty elsewhere."""
    loss = _loss(graph, node)
    if loss is None or loss.op not in _NAMES or any(saved.name == "weight" for saved in loss.saved):
        return ""
    reduction, n = dict(loss.arguments).get("reduction"), _n_rows(loss)
    if n is None or reduction not in {_MEAN, _SUM}:
        return ""
    gradient = wording.gradient(loss.received) if loss.received is not None else ""
    times = "" if gradient == "1" else f"{gradient} · "
    return f"= {times}(softmax − one-hot of {_target(loss)})" + (f" ÷ {n}" if reduction == _MEAN and n > 1 else "")


def _loss(graph: Graph, node: Node) -> Node | None:
    """The node of the loss: of both ops together, or the one above a log_softmax by itself."""
    if node.op == "cross_entropy" and node.type == "LogSoftmaxBackward0 NllLossBackward0":
        return node
    if node.op != "log_softmax" or any(output.arrived is not None for output in node.outputs):
        return None
    arriving = [edge for edge in graph.edges if edge.target == node.id]
    return graph.nodes[arriving[0].source] if len(arriving) == 1 else None


def _n_rows(loss: Node) -> int | None:
    """How many rows the loss has; None where some of them may have been left out (`ignore_index`)."""
    saved = {one.name: one for one in loss.saved}
    target, total = saved.get("target"), saved.get("total_weight")
    if target is None or target.shape is None or len(target.shape) != 1:
        return None
    weight = Array.read(total.value) if total is not None and total.value is not None else None
    return target.shape[0] if weight is not None and weight.flat == (target.shape[0],) else None


def _target(loss: Node) -> str:
    for name in _NAMES:
        sources = operands(span(loss.location), name)
        if len(sources) > 1 and sources[1].isidentifier():
            return sources[1]
    return "the target"
