"""One step of the chain rule in words, told only when the measured numbers satisfy it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from gradtrace.model import Edge, TensorStats
from gradtrace.text import wording
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.operands import Operands

_INLINE = 20
"""A gradient or factor whose text is longer is named instead of written out."""


@dataclass(frozen=True, slots=True)
class Factor:
    """How an elementwise op sends a gradient on: times a factor that depends on some operands.

    Attributes:
        words: the factor, with operands in braces: `× {other}`.
        needs: the operands of which it is computed.
        compute: the factor, element by element.
        show: whose value stands in brackets behind the words, or how it is computed; the factor itself when None.
    """

    words: str
    needs: tuple[str, ...]
    compute: Callable[..., float]
    show: str | Callable[..., float] | None = None


def _sigmoid_slope(result: float) -> float:
    return result * (1 - result)


_PASSED_ON = Factor("", (), lambda: 1.0)

FACTORS: dict[tuple[str, str], Factor] = {
    ("add", "self"): _PASSED_ON,
    ("add", "other"): _PASSED_ON,
    ("sub", "self"): _PASSED_ON,
    ("sub", "other"): Factor("× −1", (), lambda: -1.0),
    ("rsub", "self"): Factor("× −1", (), lambda: -1.0),
    ("mul", "self"): Factor("× {other}", ("other",), lambda other: other),
    ("mul", "other"): Factor("× {self}", ("self",), lambda self: self),
    ("div", "self"): Factor("÷ {other}", ("other",), lambda other: 1 / other, show="other"),
    ("div", "other"): Factor("× −{self}/{other}²", ("self", "other"), lambda self, other: -self / other**2),
    ("neg", "self"): Factor("× −1", (), lambda: -1.0),
    ("exp", "self"): Factor("× {result}", ("result",), lambda result: result),
    ("log", "self"): Factor("÷ {self}", ("self",), lambda self: 1 / self, show="self"),
    ("sin", "self"): Factor("× cos({self})", ("self",), math.cos),
    ("cos", "self"): Factor("× −sin({self})", ("self",), lambda self: -math.sin(self)),
    ("tanh", "self"): Factor("× (1 − tanh²)", ("result",), lambda result: 1 - result**2),
    ("sigmoid", "self"): Factor("× σ·(1 − σ)", ("result",), _sigmoid_slope),
    ("relu", "self"): Factor("× (1 where {self} > 0, else 0)", ("result",), lambda result: float(result > 0)),
    ("sqrt", "self"): Factor(
        "÷ (2·{result})", ("result",), lambda result: 1 / (2 * result), show=lambda result: 2 * result
    ),
    ("abs", "self"): Factor("× sign of {self}", ("self",), lambda self: float((self > 0) - (self < 0))),
    ("pow", "exponent"): Factor(
        "× {result}·log({self})", ("result", "self"), lambda result, self: result * math.log(self)
    ),
}
"""By op and torch's name of the input to which the gradient goes."""

_SPREAD = frozenset({"sum", "mean"})
_TURNED = frozenset({"t", "transpose", "permute", "numpy_t", "matrix_h", "adjoint"})
_SAME_ELEMENTS = _TURNED | frozenset(
    {"view", "reshape", "unsafeview", "squeeze", "unsqueeze", "alias", "clone", "flatten"}
)


def step(operands: Operands, edge: Edge) -> str:
    """How what the edge sent arose from what its node received: `= 1 × y (2)`; empty when that is not certain."""
    received, sent = operands.node.received, edge.sent
    if (
        received is None
        or sent is None
        or received.value is None
        or sent.value is None
        or len(operands.node.outputs) > 1
    ):
        return ""
    arrays = Array.read(received.value), Array.read(sent.value)
    if arrays[0] is None or arrays[1] is None:
        return ""
    op, name = operands.node.op.removesuffix("_"), edge.input or ""
    if op in _SPREAD or op in _SAME_ELEMENTS:
        return _rearranged(op, received, arrays[0], arrays[1])
    if op in _MATRIX_STEPS and name in _MATRIX_STEPS[op]:
        return _matrix_step(operands, edge, arrays[0], arrays[1])
    factor = _power(operands) if (op, name) == ("pow", "self") else FACTORS.get((op, name))
    return _elementwise(operands, factor, edge, arrays[0], arrays[1]) if factor else ""


def _elementwise(operands: Operands, factor: Factor, edge: Edge, arrived: Array, sent: Array) -> str:
    known = [operands.value(name) for name in factor.needs]
    if any(value is None for value in known):
        return ""
    times = _applied(factor.compute, [value for value in known if value is not None])
    product = arrived.times(times) if times is not None else None
    alpha, received = _alpha(operands), operands.node.received
    if received is None or product is None or times is None or alpha is None:
        return ""
    brought = product.summed_to(sent.shape)
    if brought is None or not brought.is_close(sent):
        return ""
    texts = {name: operands.text(name) for name in ("self", "other", "result") if f"{{{name}}}" in factor.words}
    if factor.words.endswith("²"):
        texts = {name: text if text.isidentifier() or text[-1:] == ")" else f"({text})" for name, text in texts.items()}
    words = factor.words.format_map(texts)
    shown: Array | None = times
    if factor.show is not None:
        values = [value for value in known if value is not None]
        shown = operands.value(factor.show) if isinstance(factor.show, str) else _applied(factor.show, values)
    number = wording.elements(shown.nested) if shown is not None and factor.needs else ""
    said = f" ({number})" if number and number not in words and len(number) <= _INLINE else ""
    sums = f", {summed(operands, edge)}" if product.shape != sent.shape else ""
    return f"= {_gradient(received)}{f' {words}' if words else ', passed on'}{said}{sums}"


def summed(operands: Operands, edge: Edge) -> str:
    """Why a gradient is smaller than the one it came from: `summed over dimension 0, because b was broadcast`."""
    received, sent = operands.node.received, edge.sent
    if received is None or sent is None:
        return ""
    extra = len(received.shape) - len(sent.shape)
    spread = [
        dim for dim, size in enumerate(received.shape) if dim < extra or (sent.shape[dim - extra] == 1 and size != 1)
    ]
    name = operands.known_text(edge.input or "")
    if not spread:
        over = "the broadcast dimensions"
    elif len(spread) == len(received.shape):
        over = "all elements"
    elif operands.node.op in _WITH_BATCH and spread == [0]:
        over = "the batch"
    else:
        over = f"{'dimension' if len(spread) == 1 else 'dimensions'} {wording.listing([str(dim) for dim in spread])}"
    return f"summed over {over}{f', because {name} was broadcast' if name else ', along which it was broadcast'}"


_WITH_BATCH = frozenset({"addmm", "linear"})
"""Ops whose rows are the examples of a batch."""


def _applied(compute: Callable[..., float], values: list[Array]) -> Array | None:
    if not values:
        return Array((), (compute(),))
    return values[0].map(compute) if len(values) == 1 else values[0].zip(values[1], compute)


def _alpha(operands: Operands) -> float | None:
    """`add` and `sub` can scale their second operand; None when they do, which no step here tells."""
    alpha = operands.value("alpha")
    return 1.0 if alpha is None or alpha.flat[0] == 1 else None


def _power(operands: Operands) -> Factor | None:
    exponent = operands.value("exponent")
    if exponent is None or exponent.shape != ():
        return None
    n = exponent.flat[0]
    shown = wording.number(n)
    if n == 2:  # noqa: PLR2004
        words = "× 2·{self}"
    elif n.is_integer() and n > 0:
        words = f"× {shown}·{{self}}" + wording.number(n - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    else:
        words = f"× {shown}·{{self}}^({shown} − 1)"
    return Factor(words, ("self",), lambda self: n * self ** (n - 1))


def _rearranged(op: str, received: TensorStats, arrived: Array, sent: Array) -> str:
    """Ops that give each element its gradient unchanged, or the same to many."""
    n, rest = divmod(len(sent.flat), len(arrived.flat)) if arrived.flat else (0, 1)
    share = 1 / n if op == "mean" and n else 1.0
    spread = sorted(x * share for x in arrived.flat for _ in range(n))
    if (
        rest
        or not n
        or not Array((len(spread),), tuple(spread)).is_close(Array((len(spread),), tuple(sorted(sent.flat))))
    ):
        return ""
    gradient = _gradient(received)
    if op in _TURNED and arrived.transposed.is_close(sent):
        return f"= {gradient}ᵀ"
    if op in _SAME_ELEMENTS:
        return f"= {gradient}, passed on" if arrived.shape == sent.shape else f"= {gradient}, in the shape of the input"
    if len(arrived.flat) != 1:
        return ""
    return f"= {gradient}{f' ÷ {n}' if op == 'mean' else ''}, to each of {wording.count(n, 'element')}"


_MATRIX_STEPS: dict[str, dict[str, tuple[str, str]]] = {
    "mm": {"self": ("right", "mat2"), "mat2": ("left", "self")},
    "addmm": {"mat1": ("right", "mat2"), "mat2": ("left", "mat1"), "self": ("sum", "")},
}
"""For a product of matrices: on which side of the gradient the other one stands, transposed."""


def _matrix_step(operands: Operands, edge: Edge, arrived: Array, sent: Array) -> str:
    side, other = _MATRIX_STEPS[operands.node.op][edge.input or ""]
    received = operands.node.received
    if side == "sum" and received is not None:
        brought = arrived.summed_to(sent.shape)
        words = f"= {_gradient(received)}, {summed(operands, edge)}"
    else:
        matrix = operands.value(other)
        if matrix is None:
            return ""
        turned = _transposed(operands.text(other))
        brought = arrived.matmul(matrix.transposed) if side == "right" else matrix.transposed.matmul(arrived)
        words = f"= gradient @ {turned}" if side == "right" else f"= {turned} @ gradient"
    return words if brought is not None and brought.is_close(sent) else ""


def _transposed(text: str) -> str:
    """`fc.weight` for `fc.weightᵀ`, as of a linear layer."""
    return text.removesuffix("ᵀ") if re.fullmatch(r"[\w.]+ᵀ", text) else f"{text}ᵀ"


def _gradient(stats: TensorStats) -> str:
    text = wording.elements(stats.value)
    return text if len(text) <= _INLINE else "gradient"
