"""The example of an optimizer, stepped with real tensors in a process of its own: this room does not import torch."""

import sys
from dataclasses import dataclass
from typing import Any

from gradtrace.formulas.optimizers.update_rule import UpdateRule
from gradtrace.formulas.worked_example import ask
from gradtrace.formulas.worked_steps_program import PROGRAM


@dataclass(frozen=True, slots=True)
class ExampleStep:
    """One step of an example.

    Attributes:
        grad: the gradient, as nested lists.
        values: each name of the rule's lines with its last value.
        param: the parameter after torch's own step.
        agrees: what the rule gives for it is the same; None where there are only words.
    """

    grad: Any
    values: tuple[tuple[str, Any], ...]
    param: Any
    agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class WorkedSteps:
    """What an example gave: the parameter before the first step, and the steps."""

    before: Any
    steps: tuple[ExampleStep, ...]


def run_steps(rules: tuple[UpdateRule, ...], python: str | None = None) -> tuple[WorkedSteps, ...]:
    """Step the examples of optimizers, all in one process.

    Args:
        rules: the optimizers.
        python: the interpreter that has torch; None for this one.

    Raises:
        ExampleError: torch cannot be imported there, or an example fails.
    """
    answers = ask(python or sys.executable, PROGRAM, [_task(rule) for rule in rules])
    return tuple(
        WorkedSteps(
            answer["before"],
            tuple(
                ExampleStep(
                    step["grad"], tuple((name, value) for name, value in step["values"]), step["param"], step["agrees"]
                )
                for step in answer["steps"]
            ),
        )
        for answer in answers
    )


def _task(rule: UpdateRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "example": rule.example,
        "param": rule.example_param,
        "grads": rule.example_grads,
        "loss": rule.example_loss,
        "is_sparse": rule.is_sparse,
        "settings": [(each.name, each.default, each.parts) for each in rule.settings],
        "state": [(each.name, each.initial, each.when) for each in rule.state],
        "lines": [(line.name, line.code, line.when, line.repeat) for line in rule.lines],
    }
