"""From rows of numbers to the model's statistics."""

from cmath import isinf
from collections.abc import Mapping
from math import fsum, hypot, inf, nan
from typing import Any

from gradtrace.model import NestedValue, TensorStats
from gradtrace.recording.damage import Damage
from gradtrace.recording.drafts import StatsDraft, finish
from gradtrace.recording.records import Num, StatsRow

_NOT_IN_JSON = {"nan": nan, "inf": inf, "-inf": -inf}
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_DEEPEST = 64
"""torch's own limit on the number of dimensions."""


def number(recorded: Num | None) -> float | None:
    """A number; raises `Damage` for text that is none."""
    if recorded is None or isinstance(recorded, float):
        return recorded
    if isinstance(recorded, int):
        return _whole(recorded)
    try:
        return _NOT_IN_JSON[recorded]
    except KeyError:
        raise Damage(f"{recorded[:40]!r} is not a number") from None


def _whole(recorded: int) -> int:
    if not _SMALLEST <= recorded <= _LARGEST:
        raise Damage("a number has more than 64 bits")
    return recorded


def value(recorded: Any, depth: int = 0) -> NestedValue:
    """The elements of a tensor; text that is not a special number is kept (a complex number)."""
    if isinstance(recorded, float):
        return recorded
    if isinstance(recorded, int):
        return _whole(recorded)
    if isinstance(recorded, list):
        if depth == _DEEPEST:
            raise Damage(f"a tensor has more than {_DEEPEST} dimensions")
        return [value(element, depth + 1) for element in recorded]
    if isinstance(recorded, str):
        return _NOT_IN_JSON.get(recorded, recorded)
    if recorded is None and not depth:
        return None
    raise Damage(f"{type(recorded).__name__} is not the element of a tensor")


def stats(row: StatsRow | None, dtypes: Mapping[Any, Any], shared: Mapping[Any, Any]) -> TensorStats | None:
    """The statistics of one tensor; its dtype as `dtypes` has it, its shape as `shared` does."""
    if row is None:
        return None
    shape, dtype = shared[row.shape], dtypes[row.dtype]
    if row.norm is None and row.value is not None:
        return from_values(shape, dtype, row.numel, value(row.value))
    draft = StatsDraft(
        shape,
        dtype,
        row.numel,
        number(row.norm),
        number(row.min),
        number(row.max),
        number(row.mean),
        row.nan,
        row.inf,
        row.zero,
        None if row.value is None else value(row.value),
    )
    finish((draft,), TensorStats)
    made: TensorStats = draft
    return made


def from_values(shape: tuple[int, ...], dtype: str, numel: int, values: NestedValue) -> TensorStats:
    """Statistics of a tensor that was recorded with all its elements; they all follow from these.

    Raises `Damage` if the elements are not numbers of one kind.
    """
    flat = _flat(values)
    try:
        n_nan = sum(one != one for one in flat)  # noqa: PLR0124 - only nan differs from itself, complex nan too
        n_inf = sum(map(isinf, flat))
        low = high = mean = None
        if flat and not isinstance(flat[0], (complex, bool)):
            low, high = (nan, nan) if n_nan else (min(flat), max(flat))
            mean = nan if n_nan else sum(flat) / len(flat) if n_inf else fsum(flat) / len(flat)
        norm = nan if n_nan else hypot(*map(abs, flat))
    except (TypeError, OverflowError) as error:
        raise Damage("the elements of a tensor are no numbers of one kind") from error
    return TensorStats(
        shape=shape,
        dtype=dtype,
        numel=numel,
        norm=norm,
        min=low,
        max=high,
        mean=mean,
        nan=n_nan,
        inf=n_inf,
        zero=flat.count(0),
        value=values,
    )


def _flat(values: NestedValue) -> list[Any]:
    """The elements in order; those that are text as complex numbers."""
    flat = values if isinstance(values, list) else [values]
    while flat and isinstance(flat[0], list):
        flat = [one for row in flat for one in (row if isinstance(row, list) else [row])]
    return flat if not any(isinstance(one, str) for one in flat) else list(map(_complex, flat))


def _complex(element: Any) -> complex:
    try:
        return complex(element)
    except ValueError:
        raise Damage(f"{element[:40]!r} is not a number") from None
