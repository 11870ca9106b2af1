"""The parts of what a step of an optimizer added to a parameter, held against what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradtrace.formulas.optimizers import rule_of
from gradtrace.formulas.optimizers.update_rule import Term, UpdateRule
from gradtrace.formulas.optimizers.working_out import WorkedStep, work_out
from gradtrace.model import NestedValue, ParameterChange, StepFact, Trace

_OF_CHANGE = 2e-3
"""Relative to how far an element moved: the step was computed in floats of fewer digits than ours."""
_OF_VALUE = 1e-6
"""Relative to the element: the parameter itself was rounded."""


@dataclass(frozen=True, slots=True)
class Part:
    """One term of a rule, with its value for each element of the parameter, in the parameter's nesting."""

    term: Term
    value: NestedValue


def step_parts(trace: Trace, step: StepFact, change: ParameterChange) -> tuple[Part, ...]:
    """What moved a parameter in one step; nothing where the measured numbers do not bear the rule out.

    Args:
        trace: the run, whose steps before this one tell what the optimizer kept.
        step: the step.
        change: of a parameter whose elements were recorded.
    """
    rule = rule_of(step.call)
    if rule is None or not rule.lines or not rule.terms:
        return ()
    before, after, gradient = map(_flat, (change.value_before, change.value_after, change.value_gradient))
    if not before or len(before) != len(after) or len(before) != len(gradient):
        return ()
    settings = _settings(rule, step, change)
    if not rule.is_elementwise:
        return tuple(_by_difference(rule, settings, change))
    states = list(_states(_kept_before(trace, step, change), len(before)))
    try:
        worked = [
            work_out(rule, settings, *numbers, state or None)
            for numbers, state in zip(zip(before, gradient, strict=True), states, strict=True)
        ]
    except (ArithmeticError, ValueError, TypeError, LookupError):
        return ()
    if not all(map(_is_borne_out, worked, before, after)):
        return ()
    return tuple(_parts(worked, change.value_before))


def _by_difference(rule: UpdateRule, settings: Mapping[str, Any], change: ParameterChange) -> Iterator[Part]:
    """Of a rule for whole matrices: the decay, which is known of each element, and the one other term, all the rest."""
    others = [term for term in rule.terms if term.name != _DECAY]
    decay = next((term for term in rule.terms if term.name == _DECAY), None)
    before, after = _flat(change.value_before), _flat(change.value_after)
    defaults = {setting.name: setting.default for setting in rule.settings}
    rate, share = (settings.get(name, defaults.get(name)) for name in ("lr", "weight_decay"))
    if len(others) != 1 or not all(isinstance(one, int | float) for one in (rate, share)):
        return
    shrunk = [-float(rate) * float(share) * x for x in before]
    rest = [end - start - own for start, end, own in zip(before, after, shrunk, strict=True)]
    yield Part(others[0], _nested(change.value_before, iter(rest)))
    if share and decay is not None:
        yield Part(decay, _nested(change.value_before, iter(shrunk)))


_DECAY = "weight decay"


def _settings(rule: UpdateRule, step: StepFact, change: ParameterChange) -> dict[str, Any]:
    group = step.groups[change.group] if change.group < len(step.groups) else None
    known = dict(group.rates) if group is not None else {}
    return {setting.name: known[setting.name] for setting in rule.settings if known.get(setting.name) is not None}


def _kept_before(trace: Trace, step: StepFact, change: ParameterChange) -> ParameterChange | None:
    """The same parameter in the last step of this optimizer that was looked at."""
    earlier = (
        one
        for known in reversed(trace.steps[: step.number])
        if known.optimizer == step.optimizer and known.process == step.process
        for one in known.changes
        if one.leaf == change.leaf and one.has_gradient
    )
    return next(earlier, None)


def _states(kept: ParameterChange | None, n: int) -> Iterator[Mapping[str, Any]]:
    """What was kept for each element: its own of what has as many, the same number of what has one."""
    if kept is None:
        yield from ({} for _ in range(n))
        return
    elements = {name: _flat(value) for name, value in kept.value_moments}
    numbers = {name: value for name, value in kept.moments if isinstance(value, int | float) and name not in elements}
    for position in range(n):
        yield {**numbers, **{name: flat[position] for name, flat in elements.items() if len(flat) == n}}


def _is_borne_out(worked: WorkedStep, before: float, after: float) -> bool:
    """Whether the rule gives what was measured, and its terms are all of it."""
    slack = _OF_CHANGE * abs(after - before) + _OF_VALUE * abs(before)
    total = before + sum(value for _, value in worked.terms)
    return bool(abs(worked.values["param"] - after) <= slack and abs(total - after) <= slack)


def _parts(worked: list[WorkedStep], like: NestedValue) -> Iterator[Part]:
    """Each term that any element has, in the rule's order."""
    terms = dict.fromkeys(term for one in worked for term, _ in one.terms)
    for term in terms:
        values = iter([next((value for known, value in one.terms if known == term), 0.0) for one in worked])
        yield Part(term, _nested(like, values))


def _nested(like: NestedValue, values: Iterator[float]) -> NestedValue:
    return [_nested(item, values) for item in like] if isinstance(like, list | tuple) else next(values)


def _flat(value: NestedValue) -> list[float]:
    """All elements in order; empty where one of them is not a finite number."""
    if isinstance(value, list | tuple):
        parts = [_flat(item) for item in value]
        return [number for part in parts for number in part] if all(parts) else []
    return [float(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []
