"""Ops as on a slide: the value with its data and gradient in a box, and the operation as a circle before it."""

from gradtrace.analysis.view import Item
from gradtrace.formulas import traits
from gradtrace.model import Node, TensorStats
from gradtrace.renderers.picture.scene.arrows import norm_of
from gradtrace.renderers.picture.scene.boxes import is_bad
from gradtrace.renderers.picture.scene.model import Arrow, Box, Row, Span
from gradtrace.text import wording
from gradtrace.text.escape import visible

_SIGNS = {"*": "×", "-": "−", "/": "÷"}
_PLAIN = frozenset({"op", "root"})
_LONGEST = 30


def splits(item: Item, node: Node, box: Box) -> bool:
    """Whether an op is drawn in two: a single one with one output, of which nothing urgent is told."""
    return len(item.nodes) == 1 and len(node.outputs) == 1 and box.style in _PLAIN


def in_two(node: Node, box: Box) -> tuple[Box, Box]:
    """The circle of an op, and the box of its value."""
    sign = traits.of(node).operator
    symbol = Span(_SIGNS.get(sign, sign) or visible(node.op, _LONGEST), "title")
    row: list[Span] = [Span(visible(node.name, _LONGEST), "name")] if node.name else []
    if node.value is not None:
        row += _measured("data", wording.value(node.value), is_alarming=is_bad(node.value))
    if node.received is not None:
        row += _measured("grad", wording.gradient(node.received), is_alarming=is_bad(node.received))
    badges = tuple(one for one in box.rows[1:] if any(span.role == "badge" for span in one))
    first: Row = tuple(row) or (Span(wording.spec(node.outputs[0].shape, node.outputs[0].dtype), "muted"),)
    style = "root" if box.style == "root" else "value"
    circle = Box("operator", ((symbol,),), box.tooltip, box.cluster, is_chip=True)
    return circle, Box(style, (first, *badges), box.tooltip, box.cluster)


def through(value: int, operator: int, received: TensorStats | None, *, is_measured: bool) -> Arrow:
    """From the value, at which the gradient arrives, to the circle of its op, from which it goes on."""
    norm = norm_of(received)
    state = "unknown" if not is_measured else "none" if received is None else "zero" if norm == 0 else "sent"
    return Arrow(value, operator, "non-finite" if is_bad(received) else state, norm)


def _measured(word: str, text: str, *, is_alarming: bool) -> Row:
    return (Span(word, "muted"), Span(visible(text, _LONGEST), "alarm" if is_alarming else "plain"))
