"""Works a step of an optimizer out, from its rule: for tensors with torch, or for one element with plain numbers."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from gradtrace.formulas.optimizers.update_rule import Term, UpdateRule

_GRADIENT = re.compile(r"\bgrad\b")
NUMBERS = SimpleNamespace(
    sqrt=math.sqrt,
    abs=abs,
    maximum=max,
    sign=lambda x: (x > 0) - (x < 0),
    where=lambda condition, one, other: one if condition else other,
    clamp=lambda x, low, high: min(max(x, low), high),
)
"""Stands for torch where a rule is worked out for one element; this room does not import torch."""


@dataclass(frozen=True, slots=True)
class WorkedStep:
    """One step, worked out.

    Attributes:
        values: each name of the rule's lines with its last value; `param` is the parameter after the step.
        state: what the optimizer keeps after the step.
        terms: the parts of what the step added to the parameter, each with its value.
    """

    values: Mapping[str, Any]
    state: Mapping[str, Any]
    terms: tuple[tuple[Term, Any], ...] = field(default=())


def work_out(
    rule: UpdateRule,
    settings: Mapping[str, Any],
    param: Any,
    grad: Any,
    state: Mapping[str, Any] | None = None,
    torch: Any = NUMBERS,
) -> WorkedStep:
    """Work one step of a rule out.

    Args:
        rule: a rule with lines; for plain numbers one that `is_elementwise`.
        settings: the arguments of the optimizer by torch's names; what is missing has its default.
        param: the parameter before the step: a tensor, or one element of it.
        grad: its gradient, of the same kind.
        state: what the optimizer kept of the parameter before the step; None before the first.
        torch: the module torch, for tensors.

    Raises:
        ArithmeticError, ValueError: the numbers have no such step (a division by 0, the root of a negative number).
    """
    scope: dict[str, Any] = {"torch": torch, "param": param}
    for setting in rule.settings:
        value = settings.get(setting.name, setting.default)
        scope[setting.name] = value
        scope |= dict(zip(setting.parts, value, strict=True)) if setting.parts else {}
    scope["grad"] = -grad if scope.get("maximize") else grad
    kept = [each.name for each in rule.state if _holds(each.when, scope)]
    for each in rule.state:
        known = state is not None and each.name in state
        scope[each.name] = state[each.name] if known and state is not None else _value(each.initial, scope)
    old = SimpleNamespace(param=param, **{each.name: scope[each.name] for each in rule.state})
    scope["old"] = old
    worked: dict[str, Any] = {}
    for line in rule.lines:
        if not _holds(line.when, scope):
            continue
        for _ in range(scope[line.repeat] if line.repeat else 1):
            value = _value(line.code, scope)
            names = line.name.split(", ")
            worked |= dict(zip(names, value, strict=True)) if len(names) > 1 else {line.name: value}
            scope |= worked
    parts = [term for term in rule.terms if _holds(term.when, scope)]
    said = map(_turned, parts) if scope.get("maximize") else parts
    terms = tuple((one, _value(one.code, scope)) for one in said)
    return WorkedStep(worked, {name: scope[name] for name in kept}, terms)


def _turned(term: Term) -> Term:
    """A term in which the gradient stands with its sign changed, for that is what the rule was given."""
    return replace(term, maths=_GRADIENT.sub("(-grad)", term.maths))


def _holds(when: str, scope: dict[str, Any]) -> bool:
    return not when or bool(_value(when, scope))


def _value(code: str, scope: dict[str, Any]) -> Any:
    """Expressions are those of our own rules, never a user's."""
    return eval(code, dict(scope))  # noqa: S307
