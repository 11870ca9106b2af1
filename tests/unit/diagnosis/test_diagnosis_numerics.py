"""Where the first NaN comes from, and where gradients die."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gradtrace.diagnosis.evidence.blocked import blocked
from gradtrace.diagnosis.evidence.numerics import Cause, trap
from gradtrace.formulas.trait_kinds import Traits, Zeros
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Edge,
    Event,
    Graph,
    Leaf,
    Location,
    Node,
    NodeOutput,
    NonFinite,
    Root,
    Run,
    TensorStats,
    Trace,
)

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")
LEAF = Leaf(0, "w", "parameter", (2,), "float32")
FINE = TensorStats((2,), "float32", 2, 1.0, 0.5, 1.0, 0.7, 0, 0, 0)
ZERO = replace(FINE, norm=0.0, min=0.0, max=0.0, zero=2)
NEGATIVE = replace(FINE, min=-1.0)
NAN = replace(FINE, norm=math.nan, nan=1)
INFINITE = replace(FINE, norm=math.inf, inf=1)


def at(line: int) -> Location:
    return Location("train.py", line)


def run(types: list[str], sent: list[TensorStats], root: TensorStats = FINE, index: int = 1) -> Trace:
    """A chain from the root to the leaf, one node a line; what each sends is what the next one gets."""
    got = [FINE, *sent]
    nodes = tuple(
        Node(
            number,
            kind,
            kind,
            location=at(number + 1),
            outputs=(NodeOutput(0, (2,), "float32", received=got[number]),),
            order=number,
            leaf=0 if kind == "AccumulateGrad" else None,
        )
        for number, kind in enumerate(types)
    )
    edges = tuple(Edge(number, number + 1, 0, sent=stats) for number, stats in enumerate(sent))
    backward = BackwardPass(
        index,
        "Tensor.backward",
        at(99),
        (Root(0, "loss", root),),
        retain_graph=False,
        create_graph=False,
        recorded="full",
        graph=Graph(nodes, edges),
        accumulations=(Accumulation(0, None, sent[-1], sent[-1], "created"),),
    )
    return Trace(RUN, leaves=(LEAF,), passes=(backward,))


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("SqrtBackward0", Cause.ROOT_OF_ZERO),
        ("AcosBackward0", Cause.ARC_AT_BOUNDARY),
        ("LinalgSvdBackward0", Cause.REPEATED_VALUES),
        ("LogBackward0", Cause.LOG_OF_ZERO),
        ("DivBackward0", Cause.DIVISION_BY_ZERO),
    ],
)
def test_the_first_node_that_breaks_a_finite_gradient(kind: str, rule: str) -> None:
    """Infinities count as well as NaN, and later nodes are consequences."""
    found = trap(run(["MeanBackward0", kind, "MulBackward0", "AccumulateGrad"], [FINE, INFINITE, NAN]))
    assert found is not None
    assert (found.cause, found.place) == (rule, at(2))


def test_what_a_selection_drops_is_its_own_cause() -> None:
    """Zeros arrive from a `where` at the operation that breaks."""
    found = trap(run(["WhereBackward0", "LogBackward0", "AccumulateGrad"], [replace(FINE, zero=1), NAN]))
    assert found is not None
    assert (found.cause, found.place) == (Cause.UNTAKEN_BRANCH, at(2))


@pytest.mark.parametrize(
    ("call", "output", "inputs", "rule"),
    [
        ("log", INFINITE, (ZERO,), Cause.LOG_OF_ZERO),
        ("exp", INFINITE, (FINE,), Cause.EXP_OVERFLOW),
        ("div", NAN, (FINE, ZERO), Cause.DIVISION_BY_ZERO),
        ("pow", NAN, (NEGATIVE,), Cause.POWER_OF_NEGATIVE),
        ("mul", NAN, (INFINITE, ZERO), Cause.MASKED_INFINITY),
        ("std", NAN, (FINE,), Cause.SINGLE_SAMPLE),
        ("softmax", NAN, (INFINITE,), Cause.MASKED_SOFTMAX),
        ("cross_entropy", NAN, (FINE,), Cause.MEAN_OF_NOTHING),
    ],
)
def test_a_loss_that_is_not_finite_has_a_cause_forwards(
    call: str, output: TensorStats, inputs: tuple[TensorStats, ...], rule: str
) -> None:
    """The function and what went in tell which."""
    trace = run(["MeanBackward0", "AccumulateGrad"], [NAN], root=NAN)
    trace = replace(trace, non_finite=(NonFinite(call, at(7), output, inputs, before_pass=1),))
    found = trap(trace)
    assert found is not None
    assert (found.cause, found.place) == (rule, at(7))
    assert found.related[-1].message == "the loss is not finite in pass 1"


def test_infinities_that_harm_nothing_are_meant() -> None:
    """A mask of -inf before a softmax leaves loss and gradients finite."""
    trace = run(["MeanBackward0", "AccumulateGrad"], [FINE])
    assert trap(replace(trace, non_finite=(NonFinite("log", at(7), INFINITE, (ZERO,), before_pass=1),))) is None


def test_a_grad_scaler_looks_for_overflows() -> None:
    """Gradients alone tell nothing then."""
    trace = run(["SqrtBackward0", "AccumulateGrad"], [INFINITE])
    assert trap(trace) is not None
    assert trap(replace(trace, events=(Event(0, "grad_modified", 1, call="unscale_"),))) is None


def test_a_place_is_blocked_when_it_is_in_every_pass() -> None:
    """Once open, never reported: the batch was to blame."""
    types = ["MeanBackward0", "ClampBackward1", "AccumulateGrad"]
    shut, again = run(types, [FINE, ZERO]), run(types, [FINE, ZERO], index=2)
    open_ = run(types, [FINE, FINE], index=3)
    twice = replace(shut, passes=(*shut.passes, *again.passes))

    def is_limit(op: Traits) -> bool:
        return op.zeros is Zeros.OUTSIDE

    def is_relu(op: Traits) -> bool:
        return op.zeros is Zeros.NOT_POSITIVE

    (found,) = blocked(twice, is_limit)
    assert (found.node.id, found.leaves) == (1, (LEAF,))
    assert blocked(shut, is_limit) == ()
    assert blocked(replace(twice, passes=(*twice.passes, *open_.passes)), is_limit) == ()
    assert blocked(twice, is_relu) == ()


def test_what_is_made_of_infinities_is_not_their_cause() -> None:
    """A logarithm of something that overflowed before is no logarithm of zero; a softmax may be given a mask."""
    trace = run(["MeanBackward0", "AccumulateGrad"], [FINE], root=INFINITE)
    broken = replace(FINE, nan=1)
    mixed = replace(INFINITE, min=-1.0, max=math.inf)
    masked = replace(INFINITE, min=-math.inf, max=1.0)

    def rule(call: str, given: TensorStats) -> str | None:
        seen = NonFinite(call, at(7), broken, (given,), before_pass=1)
        found = trap(replace(trace, non_finite=(seen,)))
        return None if found is None else found.cause

    assert rule("log", replace(FINE, min=-1.0)) == Cause.LOG_OF_ZERO
    assert rule("log", mixed) is None
    assert rule("softmax", masked) == Cause.MASKED_SOFTMAX
    assert rule("softmax", mixed) is None
