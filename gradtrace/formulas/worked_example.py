"""The example of an entry, run with real tensors in a process of its own: this room does not import torch."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from gradtrace.errors import GradtraceError
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.worked_program import PROGRAM

_TIMEOUT = 120
"""Seconds; importing torch takes one to five."""


class ExampleError(GradtraceError):
    """The worked example could not be run."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A tensor, or another argument, of the example.

    Attributes:
        name: `self`, `result`, `grad`, or the input that receives a gradient.
        spec: `f32[2,3]`; "" for what is no tensor.
        value: nested lists of numbers, or the text of what is no tensor.
        agrees: for a gradient: autograd's own, from a backward pass over the example, is the same.
    """

    name: str
    spec: str
    value: Any
    agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """What the example gave.

    Attributes:
        arguments: what went in, in the order of the example.
        results: what the op returned.
        grads: the gradients that were sent into the results.
        gradients: what the formulas give for each input.
        nodes: node types of the graph that torch built for it, in the order in which they are reached.
    """

    arguments: tuple[Shown, ...]
    results: tuple[Shown, ...]
    grads: tuple[Shown, ...]
    gradients: tuple[Shown, ...]
    nodes: tuple[str, ...]


def run_examples(formulas: tuple[Formula, ...], python: str | None = None) -> tuple[WorkedExample | None, ...]:
    """Run the examples of entries, all in one process; None for an entry that has none.

    Args:
        formulas: the entries.
        python: the interpreter that has torch; None for this one.

    Raises:
        ExampleError: torch cannot be imported there, or an example fails.
    """
    tasks = [_task(formula) for formula in formulas if formula.example]
    if not tasks:
        return (None,) * len(formulas)
    answers = iter(ask(python or sys.executable, PROGRAM, tasks))
    return tuple(_worked(next(answers)) if formula.example else None for formula in formulas)


def _task(formula: Formula) -> dict[str, Any]:
    gradients = [(gradient.input, gradient.code) for gradient in formula.gradients if gradient.code is not None]
    return {"op": formula.op, "example": formula.example, "where": formula.where, "gradients": gradients}


def ask(python: str, program: str, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run a program over tasks; `-P`: a file of the current directory that is called torch.py must not be imported.

    Args:
        python: the interpreter that has torch.
        program: its text; it reads the tasks from stdin and writes an answer to each.
        tasks: what it is given, as JSON.

    Raises:
        ExampleError: it could not be run, or failed.
    """
    try:
        asked = subprocess.run(  # noqa: S603 - the interpreter that runs gradtrace, and a program of ours
            [python, "-P", "-W", "ignore", "-c", program],
            input=json.dumps(tasks),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExampleError(f"the worked example could not be run by {python}: {error}") from error
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or [f"status {asked.returncode}"])[-1]
        raise ExampleError(f"the worked example could not be run by {python}: {reason}. Without it: --no-example")
    answers: list[dict[str, Any]] = json.loads(asked.stdout)
    return answers


def _worked(answer: dict[str, Any]) -> WorkedExample:
    parts = {
        part: tuple(Shown(**row) for row in answer[part]) for part in ("arguments", "results", "grads", "gradients")
    }
    return WorkedExample(**parts, nodes=tuple(answer["nodes"]))
