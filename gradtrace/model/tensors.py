"""Tensors as text and numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, hypot, isinf, nan
from typing import Any

from gradtrace.model.format import UNKNOWN_EXTENT, Form, nested

Number = float | int | bool | str
"""A measured number. `nan`, `inf` and `-inf` are Python floats here; a complex number is text such as `1+2j`."""

NestedValue = Any
"""A `Number`, or a list of `NestedValue`s: the tensor's values in its own nesting."""

_SHORT_DTYPES = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "complex64": "c64",
    "complex128": "c128",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "bool": "bool",
}

_BITS = re.compile(r"(?:complex|[a-z]*?float|u?int)(\d+)(?:_\w+)?")


def element_size(dtype: str) -> int | None:
    """How many bytes an element of this dtype has; None where that is not known."""
    bits = _BITS.fullmatch(dtype)
    return 1 if dtype == "bool" else int(bits[1]) // 8 or 1 if bits else None


def n_bytes(numel: int, dtype: str) -> int:
    """How many bytes so many elements have; 0 where the size of one is not known."""
    return numel * (element_size(dtype) or 0)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, dtype (`float32`, without the `torch.`) and device (`cpu`, `cuda:0`)."""

    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"

    def __str__(self) -> str:
        """`f32[2,3]`, with the device only when it is not the cpu: `f32[2,3] cuda:0`; `*` for an unknown extent."""
        extents = ("*" if extent == UNKNOWN_EXTENT else str(extent) for extent in self.shape)
        text = f"{_SHORT_DTYPES.get(self.dtype, self.dtype)}[{','.join(extents)}]"
        return text if self.device == "cpu" else f"{text} {self.device}"


class Measured:
    """Where numbers stand: the column, and a number for where in it those of the tensor begin, and for their form."""

    __slots__ = ("_at", "_column")

    _column: Sequence[float]
    _at: int


N_FORMS = 8
"""What stands in a column has the number `first * N_FORMS + form`."""


@dataclass(frozen=True, slots=True)
class TensorStats(Measured):
    """What was measured of one tensor at one moment.

    `norm` is the 2-norm over all elements. A field is None when that recording level does not measure it, or when it
    has no meaning (`min` of an empty or a complex tensor); it is never a guess. `nan`, `inf` and `zero` count
    elements. `value` holds every element when there are at most 16 (nested lists in the tensor's own shape), else
    None.

    Of a recording of a million tensors few are ever looked at: what stands in a column is worked out when it is first
    asked for.
    """

    shape: tuple[int, ...]
    dtype: str
    numel: int
    norm: float | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    nan: int | None = None
    inf: int | None = None
    zero: int | None = None
    value: NestedValue = None

    def __getattr__(self, name: str) -> Any:
        """One of the statistics, which is not set yet."""
        if name not in _WORKED_OUT:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        first, form = divmod(self._at, N_FORMS)
        for each, one in zip(_WORKED_OUT, _worked_out(self, self._column, first, Form(form)), strict=True):
            object.__setattr__(self, each, one)
        return object.__getattribute__(self, name)

    @property
    def is_whole(self) -> bool:
        """Whether every element was recorded."""
        at = getattr(self, "_at", None)
        return self.value is not None if at is None else at % N_FORMS == Form.VALUES

    @property
    def is_finite(self) -> bool | None:
        """Whether every element is finite; None when that was not measured."""
        if self.nan is None or self.inf is None:
            return None
        return self.nan == 0 and self.inf == 0


_WORKED_OUT = ("norm", "min", "max", "mean", "nan", "inf", "zero", "value")
_OF_NORM: dict[Form, tuple[Any, ...]] = {Form.NORM: (0, 0, None, None), Form.NORM_ALONE: (None, None, None, None)}


def _worked_out(stats: TensorStats, numbers: Sequence[float], first: int, form: Form) -> tuple[Any, ...]:
    if form == Form.VALUES:
        elements = list(numbers[first : first + stats.numel])
        return (*statistics_of(elements), nested(elements, stats.shape))
    if form == Form.FULL:
        return (*numbers[first : first + 4], *map(int, numbers[first + 4 : first + 7]), None)
    return (numbers[first], None, None, None, *_OF_NORM[form])


def statistics_of(elements: Sequence[Any]) -> tuple[Any, ...]:
    """Norm, least, greatest, mean, and how many are NaN, infinite and zero: of real or complex numbers, or booleans.

    Raises:
        TypeError: they are not numbers of one kind.
    """
    n_nan = sum(one != one for one in elements)  # noqa: PLR0124 - only nan differs from itself, complex nan too
    n_inf = sum(map(_is_infinite, elements))
    low = high = mean = None
    if elements and not isinstance(elements[0], (complex, bool)):
        low, high = (nan, nan) if n_nan else (min(elements), max(elements))
        mean = nan if n_nan else _mean(elements, is_finite=not n_inf)
    norm = nan if n_nan else hypot(*map(abs, elements))
    return norm, low, high, mean, n_nan, n_inf, elements.count(0)


def _is_infinite(element: Any) -> bool:
    return isinf(element.real) or isinf(element.imag)


def _mean(elements: Sequence[float], *, is_finite: bool) -> float:
    if not is_finite:
        return sum(elements) / len(elements)
    try:
        return fsum(elements) / len(elements)
    except OverflowError:  # the sum is too large, the mean is not
        return fsum(one / len(elements) for one in elements)
