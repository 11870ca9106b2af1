"""One step of the chain rule in words, told only when the measured numbers satisfy it."""

import re
from collections.abc import Callable

from gradtrace.analysis.calls import is_joined
from gradtrace.formulas import traits
from gradtrace.formulas.factors import FACTORS, Factor
from gradtrace.formulas.trait_kinds import Traits
from gradtrace.model import Edge, TensorStats
from gradtrace.text import wording
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.calls import linear_step
from gradtrace.text.steps.operands import Operands

_INLINE = 20
"""A gradient or factor whose text is longer is named instead of written out."""


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
    op, name, kind = operands.node.op.removesuffix("_"), edge.input or "", traits.of(operands.node)
    if is_joined(operands.node):
        return linear_step(operands, edge)
    if kind.is_spread or kind.passes_all:
        return _rearranged(kind, received, arrays[0], arrays[1])
    if name and name in {*kind.factors, kind.addend}:
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
    if n == 1:
        return Factor("", (), lambda: 1.0)
    if n == 2:  # noqa: PLR2004
        words = "× 2·{self}"
    elif n.is_integer() and n > 0:
        words = f"× {shown}·{{self}}" + wording.number(n - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    else:
        words = f"× {shown}·{{self}}^({shown} − 1)"
    return Factor(words, ("self",), lambda self: n * self ** (n - 1))


def _rearranged(op: Traits, received: TensorStats, arrived: Array, sent: Array) -> str:
    """Ops that give each element its gradient unchanged, or the same to many."""
    n, rest = divmod(len(sent.flat), len(arrived.flat)) if arrived.flat else (0, 1)
    share = 1 / n if op.is_mean and n else 1.0
    spread = sorted(x * share for x in arrived.flat for _ in range(n))
    if (
        rest
        or not n
        or not Array((len(spread),), tuple(spread)).is_close(Array((len(spread),), tuple(sorted(sent.flat))))
    ):
        return ""
    gradient = _gradient(received)
    if op.is_transposition and arrived.transposed.is_close(sent):
        return f"= {gradient}ᵀ"
    if op.passes_all:
        return f"= {gradient}, passed on" if arrived.shape == sent.shape else f"= {gradient}, in the shape of the input"
    if len(arrived.flat) != 1:
        return ""
    if n == 1:
        return f"= {gradient}, in the shape of the input"
    return f"= {gradient}{f' ÷ {n}' if op.is_mean else ''}, to each of {wording.count(n, 'element')}"


def _matrix_step(operands: Operands, edge: Edge, arrived: Array, sent: Array) -> str:
    """A product of two matrices: beside the gradient the other one stands, transposed."""
    kind, received = traits.of(operands.node), operands.node.received
    if edge.input == kind.addend and received is not None:
        brought = arrived.summed_to(sent.shape)
        words = f"= {_gradient(received)}, {summed(operands, edge)}"
    else:
        is_first = edge.input == kind.factors[0]
        other = kind.factors[int(is_first)]
        matrix = operands.value(other)
        if matrix is None or not len(matrix.shape) == len(arrived.shape) == len(sent.shape) == 2:  # noqa: PLR2004
            return ""
        turned = _transposed(operands.text(other))
        brought = arrived.matmul(matrix.transposed) if is_first else matrix.transposed.matmul(arrived)
        words = f"= gradient @ {turned}" if is_first else f"= {turned} @ gradient"
    return words if brought is not None and brought.is_close(sent) else ""


def _transposed(text: str) -> str:
    """`fc.weight` for `fc.weightᵀ`, as of a linear layer."""
    if text.startswith("the "):
        said = text.removeprefix("the ")
        return f"({said})ᵀ" if " " in said else f"{said}ᵀ"
    return text.removesuffix("ᵀ") if re.fullmatch(r"[\w.]+ᵀ", text) else f"{text}ᵀ"


def _gradient(stats: TensorStats) -> str:
    text = wording.elements(stats.value)
    return text if len(text) <= _INLINE else "gradient"
