"""Optimizers whose steps move nothing although there is something to follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.timeline import is_whole
from gradtrace.model import EventKind, ParameterChange, StepFact, Trace

RATE = "lr"
SCHEDULED = "initial_lr"
"""What a schedule of torch puts into a param group: the rate before it changed it."""

_RESOLVES = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
"""By dtype, the least part of a number that can be added to it; half of it is rounded away."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Optimizers made by one line, all of whose steps that were looked at moved nothing.

    Attributes:
        optimizers: their ids.
        steps: these steps, in order.
        n_steps: how many steps they took in all.
        is_whole: every step of the run was looked at.
        leaves: the parameters that stayed although their gradients were not zero.
        rate: the learning rate of the first step.
        scheduled_from: what a schedule had made that rate of; None where none did.
        is_part: the rate was 0 from the beginning, and another optimizer moves what it holds along the same passes.
        lost_to: the dtype in which such small changes are rounded away; None where the rate is 0.
    """

    optimizers: tuple[int, ...]
    steps: tuple[StepFact, ...]
    n_steps: int
    is_whole: bool
    leaves: tuple[int, ...]
    rate: float
    scheduled_from: float | None
    is_part: bool
    lost_to: str | None


@once
def idle_optimizers(trace: Trace) -> tuple[Idle, ...]:
    """Those of the run, in order."""
    groups: dict[tuple[object, ...], list[StepFact]] = {}
    for step in trace.steps:
        if not step.is_skipped and any(_has_something(change) for change in step.changes):
            groups.setdefault(_maker(trace, step), []).append(step)
    counts: dict[int, int] = {}
    for event in trace.events:
        if event.kind == EventKind.STEP and event.optimizer is not None:
            counts[event.optimizer] = counts.get(event.optimizer, 0) + event.count
    found = (_idle(trace, steps, counts) for steps in groups.values())
    return tuple(one for one in found if one is not None)


def _maker(trace: Trace, step: StepFact) -> tuple[object, ...]:
    """The line that made the optimizer: a program may make one for each task."""
    place = trace.optimizers[step.optimizer].location
    return (step.process, step.optimizer) if place is None else (step.process, place.file, place.line, place.column)


def _has_something(change: ParameterChange) -> bool:
    gradient = _number(change.gradient)
    return gradient is not None and gradient > 0


def _idle(trace: Trace, steps: list[StepFact], counts: dict[int, int]) -> Idle | None:
    used = [(step, change) for step in steps for change in step.changes if _has_something(change)]
    if any(change.change is None or change.change != 0 for step in steps for change in step.changes):
        return None
    rates = [_rate(step, change) for step, change in used]
    is_zero = all(rate == 0 for rate in rates)
    if not is_zero and not all(
        _is_lost(trace.leaves[change.leaf].dtype, change, rate) for (_, change), rate in zip(used, rates, strict=True)
    ):
        return None
    first, change = used[0]
    before = _number(first.groups[change.group].rate(SCHEDULED)) if rates[0] is not None else None
    optimizers = tuple(dict.fromkeys(step.optimizer for step in steps))
    n_steps = sum(counts.get(one, 0) for one in optimizers)
    return Idle(
        optimizers,
        tuple(steps),
        n_steps,
        is_whole(trace) and n_steps <= len(steps),
        tuple(dict.fromkeys(one.leaf for _, one in used)),
        rates[0] or 0.0,
        before if before and is_zero else None,
        is_zero and not before and _is_part(trace, steps),
        None if is_zero else trace.leaves[change.leaf].dtype,
    )


def _is_part(trace: Trace, steps: list[StepFact]) -> bool:
    """Whether another optimizer moves something in a step that uses the same passes."""
    own = {step.optimizer for step in steps}
    passes = {(step.process, step.pass_index) for step in steps}
    return any(
        step.optimizer not in own
        and (step.process, step.pass_index) in passes
        and any(_number(change.change) for change in step.changes)
        for step in trace.steps
    )


def _rate(step: StepFact, change: ParameterChange) -> float | None:
    return _number(step.groups[change.group].rate(RATE)) if change.group < len(step.groups) else None


def _is_lost(dtype: str, change: ParameterChange, rate: float | None) -> bool:
    """Whether a step of this size, by the gradient or by its sign, is less than the dtype can add."""
    before, gradient, least = _number(change.before), _number(change.gradient), _RESOLVES.get(dtype)
    if rate is None or before is None or gradient is None or least is None:
        return False
    return abs(rate) * max(gradient, 1.0) < least * before


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
