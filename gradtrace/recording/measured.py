"""From rows of numbers to the model's statistics."""

from math import inf, nan
from typing import Any

from gradtrace.model import NestedValue, TensorStats
from gradtrace.recording.damage import Damage
from gradtrace.recording.records import Num, StatsRow

_NOT_IN_JSON = {"nan": nan, "inf": inf, "-inf": -inf}
_DEEPEST = 64
"""torch's own limit on the number of dimensions."""


def number(recorded: Num | None) -> float | None:
    """A number; raises `Damage` for text that is none."""
    if not isinstance(recorded, str):
        return recorded
    try:
        return _NOT_IN_JSON[recorded]
    except KeyError:
        raise Damage(f"{recorded[:40]!r} is not a number") from None


def value(recorded: Any, depth: int = 0) -> NestedValue:
    """The elements of a tensor; text that is not a special number is kept (a complex number)."""
    match recorded:
        case list():
            if depth == _DEEPEST:
                raise Damage(f"a tensor has more than {_DEEPEST} dimensions")
            return [value(element, depth + 1) for element in recorded]
        case str():
            return _NOT_IN_JSON.get(recorded, recorded)
        case int() | float():
            return recorded
        case None if not depth:
            return None
        case _:
            raise Damage(f"{type(recorded).__name__} is not the element of a tensor")


def stats(row: StatsRow | None) -> TensorStats | None:
    """The statistics of one tensor."""
    if row is None:
        return None
    return TensorStats(
        tuple(row.shape),
        row.dtype,
        row.numel,
        number(row.norm),
        number(row.min),
        number(row.max),
        number(row.mean),
        row.nan,
        row.inf,
        row.zero,
        value(row.value),
    )
