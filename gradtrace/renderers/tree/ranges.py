"""One text for the statistics of several tensors that are shown as one."""

import math
from collections.abc import Sequence

from gradtrace.model import TensorStats
from gradtrace.text import wording

_DIGITS = 3
"""Ends of a range need fewer digits than a number by itself."""


def is_bad(stats: TensorStats) -> bool:
    """Whether something in it is not finite."""
    return stats.is_finite is False or (stats.norm is not None and not math.isfinite(stats.norm))


def gradient_range(many: Sequence[TensorStats | None]) -> str:
    """A gradient, or several of repeated blocks: `|g| = 0.01 … 0.2`, `|g| = 0.01 … 0.2, not finite in 3 of 12`."""
    return _range([stats for stats in many if stats is not None], "g")


def value_range(many: Sequence[TensorStats | None]) -> str:
    """A forward value, or several, like `gradient_range`."""
    return _range([stats for stats in many if stats is not None], "x")


def _range(found: list[TensorStats], letter: str) -> str:
    if not found:
        return ""
    if len(found) == 1:
        return wording.gradient(found[0]) if letter == "g" else wording.value(found[0])
    n_bad = sum(map(is_bad, found))
    bad = f"not finite in {n_bad:,} of {len(found):,}" if n_bad else ""
    numbers = [number for number in map(_size, found) if number is not None and math.isfinite(number)]
    if not numbers:
        return bad
    low, high = (wording.number(end, _DIGITS) for end in (min(numbers), max(numbers)))
    head = "" if all(_is_scalar(stats) for stats in found) else f"|{letter}| = "
    text = f"{head}{low}" if low == high else f"{head}{low} … {high}"
    return f"{text}, {bad}" if bad else text


def _is_scalar(stats: TensorStats) -> bool:
    return isinstance(stats.value, (int, float)) and not stats.shape


def _size(stats: TensorStats) -> float | None:
    """The value of a scalar, else the norm."""
    return float(stats.value) if _is_scalar(stats) else stats.norm
