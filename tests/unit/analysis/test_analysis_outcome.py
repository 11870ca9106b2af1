"""Facts that forbid the words "nothing wrong"."""

from __future__ import annotations

from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.outcome import fatal_error, first_poisoned, is_scaled, poisoned_in_ledger, untrained
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Event,
    Leaf,
    Observation,
    PassError,
    ProgramError,
    Root,
    TensorStats,
    Trace,
)

FINE = TensorStats((), "float32", 1, norm=1.0, nan=0, inf=0)
NAN = replace(FINE, norm=float("nan"), nan=1)
INF = replace(FINE, norm=float("inf"), inf=1)
ZERO = replace(FINE, norm=0.0)
UNSCALED = (Event(0, "grad_modified", 1, call="unscale_"),)


def one(index: int, root: TensorStats = FINE, gradient: TensorStats | None = FINE, **fields: object) -> BackwardPass:
    rows = (Accumulation(0, None, gradient, gradient, "created"),)
    return BackwardPass(
        index, "Tensor.backward", None, (Root(0, "loss", root),), False, False, "full", accumulations=rows, **fields
    )  # type: ignore[arg-type]


def trace(*passes: BackwardPass, **fields: object) -> Trace:
    leaves = (Leaf(0, "w", "parameter", (), "float32", optimizers=(0,)),)
    return Trace(builders.run(), leaves, passes=passes, **fields)  # type: ignore[arg-type]


def test_an_interrupt_is_no_failure() -> None:
    """It is what a person wanted."""
    for kind, is_failure in (("ValueError", True), ("KeyboardInterrupt", False)):
        run = builders.run(error=ProgramError(kind, "x"))
        assert (fatal_error(Trace(run)) is not None) == is_failure


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        ([one(1), one(2)], None),
        ([one(1), one(2, NAN), one(3, NAN)], 2),
        ([one(1, INF)], 1),
        ([one(1), one(2, gradient=INF)], 2),
        ([one(1, NAN, error=PassError("RuntimeError", "x"))], None),
    ],
)
def test_the_first_pass_that_is_not_finite(passes: list[BackwardPass], expected: int | None) -> None:
    """By its root or by the gradient of a leaf; one that failed tells its own story."""
    found = first_poisoned(trace(*passes))
    assert (found.index if found else None) == expected


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        ([one(1, INF, INF), one(2)], None),
        ([one(1, gradient=NAN), one(2, gradient=NAN)], None),
        ([one(1), one(2, NAN), one(3)], 2),
        ([one(1), one(2, INF)], 2),
    ],
)
def test_a_grad_scaler_makes_overflows(passes: list[BackwardPass], expected: int | None) -> None:
    """They are no fault while the run gets over them; a NaN is."""
    found = first_poisoned(trace(*passes, events=UNSCALED))
    assert (found.index if found else None) == expected


def test_a_counted_pass_that_is_not_finite_is_known() -> None:
    """Its gradients tell nothing with a GradScaler."""
    seen = Observation("gradient_not_finite", 1, text="in pass 9")
    counted = replace(trace(one(1)), run=builders.run(observations=(seen,)))
    assert poisoned_in_ledger(counted) == "a gradient in pass 9"
    assert is_scaled(replace(counted, events=UNSCALED))
    assert poisoned_in_ledger(replace(counted, events=UNSCALED)) is None
    assert poisoned_in_ledger(trace(one(1))) is None


@pytest.mark.parametrize(("gradient", "is_untrained"), [(FINE, False), (ZERO, True), (None, False), (NAN, False)])
def test_a_parameter_that_always_gets_zeros_is_untrained(gradient: TensorStats | None, is_untrained: bool) -> None:
    """What was not measured may have been anything."""
    assert [leaf.name for leaf in untrained(trace(one(1, gradient=gradient), one(2, gradient=gradient)))] == (
        ["w"] if is_untrained else []
    )


def test_a_parameter_without_gradient_is_untrained() -> None:
    """Unless it is frozen, no optimizer's, its gradient is the program's own, or a pass failed."""
    bare = replace(one(1), accumulations=())
    (leaf,) = trace().leaves
    assert untrained(trace(bare)) == (leaf,)
    assert untrained(trace()) == ()
    for other in (replace(leaf, requires_grad=False), replace(leaf, optimizers=())):
        assert untrained(replace(trace(bare), leaves=(other,))) == ()
    for kind in ("grad_modified", "step"):
        assert untrained(trace(bare, events=(Event(0, kind, 1, (0,)),))) == ()
    assert untrained(trace(bare, one(2, error=PassError("RuntimeError", "x")))) == ()
