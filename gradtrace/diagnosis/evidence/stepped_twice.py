"""Parameters that move twice along one gradient."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradtrace.analysis.by_value import by_value, concerned
from gradtrace.analysis.once import once
from gradtrace.model import CLEARING, EventKind, ParameterChange, StepFact, Trace
from gradtrace.model.location import source_line


@dataclass(slots=True)
class SteppedTwice:
    """Two lines whose steps move the same parameters with no pass in between.

    Attributes:
        first: one step of the first line.
        second: the step that followed it.
        leaves: the parameters.
        count: how often it was seen.
    """

    first: StepFact
    second: StepFact
    leaves: dict[int, None] = field(default_factory=dict)
    count: int = 0


@once
def stepped_twice(trace: Trace) -> tuple[SteppedTwice, ...]:
    """Those of the run, by the optimizers and the lines of both steps."""
    told = by_value(trace)
    before: dict[int, tuple[StepFact, ParameterChange]] = {}
    found: dict[tuple[object, ...], SteppedTwice] = {}
    for event in told.events:
        if event.kind == EventKind.BACKWARD:
            for leaf in event.leaves:
                before.pop(leaf, None)
        elif before and (event.kind in CLEARING or event.kind == EventKind.GRAD_MODIFIED):
            for leaf in concerned(told, event):
                before.pop(leaf, None)
        elif event.step is not None:
            _step(event.step, before, found)
    return tuple(found.values())


def _step(
    step: StepFact,
    before: dict[int, tuple[StepFact, ParameterChange]],
    found: dict[tuple[object, ...], SteppedTwice],
) -> None:
    seen: set[tuple[object, ...]] = set()
    if not any(group.rate("lr") is not None for group in step.groups):
        return  # nothing follows a gradient without a rate: it decays, projects or rounds
    for change in step.changes:
        if not change.has_gradient or not change.change or not change.gradient or step.own_passes:
            before.pop(change.leaf, None)
            continue
        known = before.get(change.leaf)
        if known is not None and _follows(known[1], change):
            key = (known[0].optimizer, source_line(known[0].location), step.optimizer, source_line(step.location))
            twice = found.setdefault(key, SteppedTwice(known[0], step))
            twice.leaves[change.leaf] = None
            twice.count += key not in seen
            seen.add(key)
        if known is None or known[0].pass_index == step.pass_index:
            before[change.leaf] = (step, change)


def _follows(first: ParameterChange, second: ParameterChange) -> bool:
    """Whether the second step began where the first one had ended.

    One that runs inside another, as those of wrapped optimizers do, began where that one began.
    """
    return first.after is not None and first.after == second.before and first.before != second.before
