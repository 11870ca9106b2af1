"""When two measurements count as alike: within what rounding does to sums that were added up in another order."""

from __future__ import annotations

from gradtrace.analysis.elements import elements_of, is_finite
from gradtrace.model import TensorStats

TOLERANCES = {"float64": 1e-9, "complex128": 1e-9, "float16": 1e-2, "bfloat16": 3e-2}
TOLERANCE = 1e-5
"""Relative to the tensor's norm, for `float32` and everything else."""


def alike(old: TensorStats | None, new: TensorStats | None) -> bool:
    """Whether two tensors are the same as far as both were measured; what only one run measured says nothing."""
    if old is None or new is None:
        return True
    if old.shape != new.shape:
        return False
    tolerance = max(TOLERANCES.get(dtype, TOLERANCE) for dtype in (old.dtype, new.dtype))
    a, b = elements_of(old), elements_of(new)
    if a is not None and b is not None:
        scale = max((abs(x) for x in (*a, *b) if is_finite(x)), default=0.0)
        return len(a) == len(b) and all(_near(x, y, tolerance * scale) for x, y in zip(a, b, strict=True))
    if old.norm is None or new.norm is None:
        return True
    return _near(old.norm, new.norm, tolerance * max(abs(old.norm), abs(new.norm)))


def _near(a: complex, b: complex, slack: float) -> bool:
    if not (is_finite(a) and is_finite(b)):
        return str(a) == str(b)
    return abs(a - b) <= slack
