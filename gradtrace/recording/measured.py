"""From rows of numbers to the model's statistics."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, nan
from typing import Any

from gradtrace.model import NestedValue, TensorStats
from gradtrace.model.format import N_NUMBERS, Form
from gradtrace.model.tensors import N_FORMS, statistics_of
from gradtrace.recording.damage import Damage
from gradtrace.recording.drafts import StatsDraft
from gradtrace.recording.records import MeasuredRow, Num, StatsRow
from gradtrace.recording.tables import Spec

_UNKNOWN, _VALUES, _, _, _FULL, _ROW = map(int, Form)

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
    return _of_row(shared[row.shape], dtypes[row.dtype], row.numel, row)


def _of_row(shape: tuple[int, ...], dtype: str, numel: int, row: StatsRow | MeasuredRow) -> TensorStats:
    if row.norm is None and row.value is not None:
        return from_values(shape, dtype, numel, value(row.value))
    elements = None if row.value is None else value(row.value)
    norm, low, high, mean = map(number, (row.norm, row.min, row.max, row.mean))
    return TensorStats(shape, dtype, numel, norm, low, high, mean, row.nan, row.inf, row.zero, elements)


def all_stats(
    specs: Sequence[Spec], forms: Sequence[int], numbers: Sequence[float], rows: Sequence[MeasuredRow]
) -> list[TensorStats]:
    """The statistics whose shapes, forms and numbers stand in columns. Raises `Damage` if there are too few or many."""
    found: list[Any] = []
    end, following = 0, iter(rows)
    if max(forms, default=0) >= len(N_NUMBERS):
        raise Damage(f"there is no form {max(forms)}")
    for spec, form in zip(specs, forms, strict=True):
        shape, dtype, numel = spec
        if form == _ROW:
            row = next(following, None)
            if row is None:
                raise Damage("there are fewer rows than it says")
            found.append(_of_row(shape, dtype, numel, row))
        elif form == _UNKNOWN:
            found.append(TensorStats(shape, dtype, numel))
        else:
            draft = StatsDraft(shape, dtype, numel, numbers, end * N_FORMS + form)
            end += numel if form == _VALUES else N_NUMBERS[form]
            if form == _FULL and not all(map(isfinite, numbers[end - 3 : end])):
                raise Damage("a count of elements is not finite")
            draft.__class__ = TensorStats  # type: ignore[assignment]
            found.append(draft)
    if end != len(numbers) or next(following, None) is not None:
        raise Damage("the numbers are more or fewer than it says")
    return found


def from_values(shape: tuple[int, ...], dtype: str, numel: int, values: NestedValue) -> TensorStats:
    """Statistics of a tensor that was recorded with all its elements; they all follow from these.

    Raises `Damage` if the elements are not numbers of one kind.
    """
    flat = _flat(values)
    try:
        norm, low, high, mean, n_nan, n_inf, n_zero = statistics_of(flat)
    except (TypeError, OverflowError, AttributeError) as error:
        raise Damage("the elements of a tensor are no numbers of one kind") from error
    return TensorStats(shape, dtype, numel, norm, low, high, mean, n_nan, n_inf, n_zero, values)


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
