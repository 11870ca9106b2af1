"""Softmax minus one-hot: what cross-entropy sends to the scores, told over the ops of which torch makes it."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

from gradtrace.formulas.cross_entropy import OF_CLASSES, OF_SMOOTHING
from gradtrace.model import Graph, Node
from gradtrace.text import wording
from gradtrace.text.source_maths import operands, parsed, span
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.operands import module_input

_MEAN, _SUM, _NONE = "1", "2", "0"
_NAMES = ("cross_entropy", "nll_loss")
OPS_OF_LOSS = frozenset({"log_softmax", *_NAMES})
"""What `loss_words` tells."""
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class _Loss:
    """A cross-entropy whose target is class numbers, as it was recorded.

    Attributes:
        reduction: torch's number of it.
        target: what the source calls the target.
        is_weighted: classes have weights.
        weight: the weights, where they are few.
        total: what a mean divides by: how many targets count, or the sum of the weights of their classes.
        ignored: the class number whose targets do not count, where some have it; else empty.
        smoothing: how much the right class keeps, and what each class gets; None without smoothing.
    """

    reduction: str
    target: str
    is_weighted: bool
    weight: tuple[float, ...]
    total: float
    ignored: str
    smoothing: tuple[float, float] | None


def softmax_minus_one_hot(graph: Graph, node: Node) -> str:
    """What a log_softmax below an nll_loss sends on: `= (softmax − one-hot of t) ÷ 4`; empty elsewhere."""
    found = _loss(graph, node)
    if found is None:
        return ""
    node, loss = found
    received = wording.gradient(node.received) if node.received is not None else ""
    times = "gradient · " if loss.reduction == _NONE else "" if received == "1" else f"{received} · "
    share = f" ÷ {wording.number(loss.total)}" if loss.reduction == _MEAN and loss.total != 1 else ""
    rest = f", 0 where {loss.target} is {loss.ignored}" if loss.ignored else ""
    return f"= {times}{_each(loss)}{share}{rest}"


def _each(loss: _Loss) -> str:
    plain = f"(softmax − one-hot of {loss.target})"
    own = f"weight[{loss.target.removeprefix('the ')}]"
    if loss.smoothing is None:
        return f"{own} · {plain}" if loss.is_weighted else plain
    keeps, share = map(wording.number, loss.smoothing)
    if not loss.is_weighted:
        return f"(softmax − {keeps} · one-hot of {loss.target} − {share})"
    whole = wording.number(math.fsum(loss.weight)) if loss.weight else "Σ weight"
    return f"({keeps} · {own} · {plain} + {share} · ({whole} · softmax − weight))"


def loss_words(graph: Graph) -> str:
    """What the first such loss of a graph does to a gradient, in a sentence; empty where there is none."""
    loss = next((found[1] for node in graph.nodes if (found := _loss(graph, node)) is not None), None)
    if loss is None:
        return ""
    right = ", that of the right class minus 1 (softmax minus one-hot)"
    if loss.smoothing is not None:
        right = f" minus the smoothed target, which is {wording.number(loss.smoothing[1])} for each class and "
        right += f"{wording.number(loss.smoothing[0])} more for the right one"
    if loss.is_weighted and loss.smoothing is None:
        right += ", times the weight of the right class"
    elif loss.is_weighted:
        right += ", both weighted by class"
    if loss.is_weighted and loss.reduction == _MEAN:
        right += ", divided by the sum of the weights of all targets"
    return f"Each score gets its softmax probability{right}; so the gradients of a row sum to 0."


def _loss(graph: Graph, node: Node) -> tuple[Node, _Loss] | None:
    """The node of the loss and what is known of it: of all its ops together, or the one above a log_softmax."""
    top = _node(graph, node)
    if top is None or top.op not in _NAMES:
        return None
    saved = {one.name: one for one in top.saved}
    target, total, weight = saved.get("target"), saved.get("total_weight"), saved.get("weight")
    numbers = [
        (name, text) for name, text in (*node.arguments, *top.arguments) if name in ("reduction", "ignore_index")
    ]
    settings = dict(numbers)
    divisor = _numbers(total.value) if total is not None else ()
    if target is None or target.shape is None or not divisor or settings.get("reduction") not in {_MEAN, _SUM, _NONE}:
        return None
    known, smoothing = _is_known(top)
    if not known:
        return None
    return top, _Loss(
        reduction=settings["reduction"],
        target=_target(top),
        is_weighted=weight is not None,
        weight=_numbers(weight.value) if weight is not None else (),
        total=divisor[0],
        ignored=_ignored(
            settings.get("ignore_index", ""),
            _numbers(target.value),
            n=math.prod(target.shape),
            counted=None if weight is not None or settings["reduction"] == _NONE else divisor[0],
        ),
        smoothing=smoothing,
    )


def _node(graph: Graph, node: Node) -> Node | None:
    if node.op == "cross_entropy":
        return node if any(saved.name == "total_weight" for saved in node.saved) else None
    if node.op != "log_softmax" or any(output.arrived is not None for output in node.outputs):
        return None
    arriving = [edge for edge in graph.edges if edge.target == node.id]
    return graph.nodes[arriving[0].source] if len(arriving) == 1 else None


def _is_known(loss: Node) -> tuple[bool, tuple[float, float] | None]:
    """Whether nothing else was done within the call, and the smoothing, if there was one."""
    rest = set(loss.type.split()) - OF_CLASSES
    if not rest:
        return True, None
    factors = [float(text) for name, text in loss.arguments if name == "other" and _is_number(text)]
    result = next((one.shape for one in loss.saved if one.name == "result"), None)
    dim = next((text for name, text in loss.arguments if name == "dim"), "")
    if not rest <= OF_SMOOTHING or len(factors) != 2 or result is None or dim not in ("0", "1"):  # noqa: PLR2004
        return False, None
    share, keeps = factors
    is_smoothing = len(result) > int(dim) and abs(share * result[int(dim)] - (1 - keeps)) < _ROUNDING
    return is_smoothing, (keeps, share)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _ignored(index: str, targets: tuple[float, ...], *, n: int, counted: float | None) -> str:
    """The class number that does not count, if some target is known to have it."""
    if counted is not None:
        return index if counted != n else ""
    return index if index and _is_number(index) and float(index) in targets else ""


def _numbers(value: object) -> tuple[float, ...]:
    array = Array.read(value) if value is not None else None
    return array.flat if array is not None else ()


def _target(loss: Node) -> str:
    for name in _NAMES:
        sources = operands(span(loss.location), name)
        if len(sources) > 1 and sources[1].isidentifier():
            return sources[1]
    tree = parsed(span(loss.location))
    given = tree.keywords if isinstance(tree, ast.Call) else []
    by_name = next((one.value for one in given if one.arg == "target"), None)
    if isinstance(by_name, ast.Name):
        return by_name.id
    called = module_input(loss, span(loss.location))
    return called[1] if len(called) > 1 and called[1].isidentifier() else "the target"
