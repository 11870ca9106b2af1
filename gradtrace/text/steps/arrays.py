"""Arithmetic on the few elements that a recording holds, to check a step of the chain rule before it is told.

Real numbers only, at most some dozens of elements; broadcasting as in torch.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from gradtrace.model import NestedValue

_RELATIVE = 2e-3
"""Half-precision gradients are rounded to three digits, and a step may have been computed in another order."""


@dataclass(frozen=True, slots=True)
class Array:
    """A dense tensor: its shape and its elements, row by row."""

    shape: tuple[int, ...]
    flat: tuple[float, ...]

    @classmethod
    def read(cls, nested: NestedValue) -> "Array | None":
        """From a recorded value; None when it is not one of real numbers."""
        shape: list[int] = []
        level: list[NestedValue] = [nested]
        while level and isinstance(level[0], (list, tuple)):
            shape.append(len(level[0]))
            level = [item for row in level for item in row]
        if any(isinstance(item, str) or not isinstance(item, (int, float)) for item in level):
            return None
        flat = tuple(float(item) for item in level)
        return cls(tuple(shape), flat) if len(flat) == math.prod(shape) else None

    @property
    def nested(self) -> NestedValue:
        """The elements in the tensor's own nesting."""
        items: list[NestedValue] = list(self.flat)
        for size in reversed(self.shape):
            items = [items[start : start + size] for start in range(0, len(items), size)] if size else []
        return items[0] if self.shape == () else items[0] if items else []

    def map(self, function: Callable[[float], float]) -> "Array":
        """Element by element; where the function has no value (log of 0) the element is NaN."""
        return Array(self.shape, tuple(_tried(function, x) for x in self.flat))

    def zip(self, other: "Array", function: Callable[[float, float], float]) -> "Array | None":
        """Element by element after broadcasting; None when the shapes do not fit."""
        shape = broadcast(self.shape, other.shape)
        if shape is None:
            return None
        pairs = zip(self.spread(shape), other.spread(shape), strict=True)
        return Array(shape, tuple(_tried(function, *pair) for pair in pairs))

    def times(self, other: "Array") -> "Array | None":
        """The product, element by element."""
        return self.zip(other, lambda a, b: a * b)

    def matmul(self, other: "Array") -> "Array | None":
        """The product of two matrices."""
        if len(self.shape) != 2 or len(other.shape) != 2 or self.shape[1] != other.shape[0]:  # noqa: PLR2004
            return None
        (rows, inner), columns = self.shape, other.shape[1]
        flat = (
            sum(self.flat[r * inner + k] * other.flat[k * columns + c] for k in range(inner))
            for r in range(rows)
            for c in range(columns)
        )
        return Array((rows, columns), tuple(flat))

    @property
    def transposed(self) -> "Array":
        """A matrix turned over; anything else as it is."""
        if len(self.shape) != 2:  # noqa: PLR2004
            return self
        rows, columns = self.shape
        return Array((columns, rows), tuple(self.flat[r * columns + c] for c in range(columns) for r in range(rows)))

    def summed_to(self, shape: tuple[int, ...]) -> "Array | None":
        """Summed over the dimensions along which `shape` would be broadcast to this one."""
        if broadcast(self.shape, shape) != self.shape:
            return None
        sums = [0.0] * math.prod(shape)
        for index, x in zip(product(*map(range, self.shape)), self.flat, strict=True):
            sums[_offset(index, shape)] += x
        return Array(shape, tuple(sums))

    def is_close(self, other: "Array") -> bool:
        """The same shape and, within rounding, the same elements (NaN equals NaN)."""
        scale = max((abs(x) for x in other.flat if math.isfinite(x)), default=0.0)
        return self.shape == other.shape and all(
            (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=1e-6 * scale)
            for a, b in zip(self.flat, other.flat, strict=True)
        )

    def spread(self, shape: tuple[int, ...]) -> Iterator[float]:
        """The elements after broadcasting to `shape`."""
        return (self.flat[_offset(index, self.shape)] for index in product(*map(range, shape)))


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape to which both are broadcast; None when they do not fit."""
    n = max(len(a), len(b))
    sizes = []
    for x, y in zip((1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b, strict=True):
        if x != y and 1 not in (x, y):
            return None
        sizes.append(y if x == 1 else x)
    return tuple(sizes)


def _offset(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Where the element that is broadcast to `index` lies in a tensor of `shape`."""
    offset = 0
    for position, size in zip(index[len(index) - len(shape) :], shape, strict=True):
        offset = offset * size + (position if size > 1 else 0)
    return offset


def _tried(function: Callable[..., float], *arguments: float) -> float:
    try:
        return function(*arguments)
    except (ArithmeticError, ValueError):
        return math.nan
    except TypeError:  # a negative number to a fractional power is complex
        return math.nan
