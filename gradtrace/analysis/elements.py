"""The elements of a tensor that was recorded whole, as numbers to compute with."""

from __future__ import annotations

import math

from gradtrace.model import NestedValue, TensorStats


def elements_of(stats: TensorStats) -> list[complex] | None:
    """All elements in order; None when they were not recorded."""
    if stats.value is None:
        return None
    flat: list[complex] = []
    stack: list[NestedValue] = [stats.value]
    while stack:
        value = stack.pop()
        if isinstance(value, (list, tuple)):
            stack.extend(reversed(value))
        else:
            flat.append(complex(value.replace(" ", "") if isinstance(value, str) else value))
    return flat


def is_finite(number: complex) -> bool:
    """Whether both parts of a number are finite."""
    return math.isfinite(number.real) and math.isfinite(number.imag)
