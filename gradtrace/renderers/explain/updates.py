"""What was done with the gradients that a pass left: `clip_grad_norm_ at train.py:12: |grad| 5.2 → 1`, and the step."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from gradtrace.model import BackwardPass, Event, EventKind, Number, ParameterChange, StepFact, Trace
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph

_MOST_NAMED = 3
"""So many parameters are told each by itself; of more, norms over all of them."""
_LONGEST_VALUE = 24
_MOST_ACTS = 8
_TOLD_RATES = ("momentum", "weight_decay", "betas")


def updates(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """A line for each write to `.grad` after the pass and for each step that used it, as far as numbers are known."""
    lines = list(_lines(trace, one))
    hidden = len(lines) - _MOST_ACTS
    for line in lines[:_MOST_ACTS]:
        yield Paragraph(line)
    if hidden > 0:
        yield Paragraph(f"… and {wording.count(hidden, 'more change')}")


def _lines(trace: Trace, one: BackwardPass) -> Iterator[str]:
    after = [event for event in trace.events if event.pass_index == one.index and event.process == one.process]
    told = [event for event in after if event.writes or event.step is not None]
    for (is_step, *_), together in groupby(
        told, lambda event: (event.kind == EventKind.STEP, event.call, event.location)
    ):
        events = list(together)
        if is_step:
            yield from (_step(trace, event.step) for event in events if event.step is not None)
        else:
            yield _change(trace, events)
    seen = {event.step.number for event in after if event.step is not None}
    skipped = (step for step in trace.steps if step.is_skipped and step.number not in seen)
    yield from (_step(trace, step) for step in skipped if step.pass_index == one.index and step.process == one.process)


def _change(trace: Trace, events: Sequence[Event]) -> str:
    """Writes at one place, one after the other: from before the first to after the last."""
    before: dict[int, Number | None] = {}
    after: dict[int, Number | None] = {}
    for event in events:
        for write in event.writes:
            before.setdefault(write.leaf, write.before)
            after[write.leaf] = write.after
    names = [trace.leaves[leaf].name for leaf in before]
    whose = wording.listing(names, _MOST_NAMED) if len(names) <= _MOST_NAMED else wording.count(len(names), "leaf")
    return (
        f"Then {events[0].call}{wording.at(events[0].location)}: norm of .grad of {whose} "
        f"{_norm(before.values())} → {_norm(after.values())}."
    )


def _norm(norms: Iterable[Number | None]) -> str:
    known = list(norms)
    numbers = [float(one) for one in known if isinstance(one, int | float)]
    return wording.number(math.hypot(*numbers)) if len(numbers) == len(known) else "unknown"


def _step(trace: Trace, step: StepFact) -> str:
    head = f"Then {step.call}{wording.at(step.location)}{_rates(step)}"
    if step.is_skipped:
        scale = f" (scale {wording.number(step.scale)})" if step.scale is not None else ""
        return f"{head} was skipped by the GradScaler{scale}: a gradient was not finite."
    moved = [change for change in step.changes if change.after is not None]
    if not moved:
        return f"{head}."
    if len(moved) <= _MOST_NAMED:
        told = ", ".join(f"{trace.leaves[change.leaf].name} {_moved(change)}" for change in moved)
    else:
        distance = _norm([change.change for change in moved])
        told = (
            f"norm of {wording.count(len(moved), 'parameter')} {_norm([change.before for change in moved])} → "
            f"{_norm([change.after for change in moved])}"
        )
        told += f", moved by {distance}" if distance != "unknown" else ""
    return f"{head}: {told}.{_rows(trace, step)}"


def _rates(step: StepFact) -> str:
    """`(lr 0.1, momentum 0.9)`; of groups that differ each value."""
    told = []
    for name in ("lr", *_TOLD_RATES):
        values = [group.rate(name) for group in step.groups]
        texts = list(dict.fromkeys(wording.elements(value) for value in values if value is not None))
        if texts and (name == "lr" or any(isinstance(value, list) or value for value in values)):
            told.append(f"{name} {' and '.join(texts)}")
    return f" ({', '.join(told)})" if told else ""


def _moved(change: ParameterChange) -> str:
    if change.value_before is not None and change.value_after is not None:
        before, after = wording.elements(change.value_before), wording.elements(change.value_after)
        if max(len(before), len(after)) <= _LONGEST_VALUE:
            return f"{before} → {after}"
    text = f"norm {_norm([change.before])} → {_norm([change.after])}"
    return f"{text}, moved by {_norm([change.change])}" if change.change is not None else text


def _rows(trace: Trace, step: StepFact) -> str:
    """Rows that moved although their gradient was zero."""
    told = [
        f" {wording.count(change.n_moved_rows, 'row')} of {trace.leaves[change.leaf].name} moved without a gradient."
        for change in step.changes
        if change.n_moved_rows
    ]
    return "".join(told[:_MOST_NAMED])
