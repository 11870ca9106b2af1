"""Tensors as text and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, dtype (`float32`, without the `torch.`) and device (`cpu`, `cuda:0`)."""

    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"

    def __str__(self) -> str:
        """`f32[2,3]`, with the device only when it is not the cpu: `f32[2,3] cuda:0`."""
        text = f"{_SHORT_DTYPES.get(self.dtype, self.dtype)}[{','.join(map(str, self.shape))}]"
        return text if self.device == "cpu" else f"{text} {self.device}"


@dataclass(frozen=True, slots=True)
class TensorStats:
    """What was measured of one tensor at one moment.

    `norm` is the 2-norm over all elements. A field is None when that recording level does not measure it, or when it
    has no meaning (`min` of an empty or a complex tensor); it is never a guess. `nan`, `inf` and `zero` count
    elements. `value` holds every element when there are at most 16 (nested lists in the tensor's own shape), else
    None.
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

    @property
    def is_finite(self) -> bool | None:
        """Whether every element is finite; None when that was not measured."""
        if self.nan is None or self.inf is None:
            return None
        return self.nan == 0 and self.inf == 0
