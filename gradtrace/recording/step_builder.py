"""From the lines about steps to what they did, and to which event each belongs."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gradtrace.model import Event, EventKind, ParameterChange, ParameterGroup, StepFact
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.measured import number, value
from gradtrace.recording.records import Num, ParameterRow, StepFormRecord, StepNumbersRecord, StepRecord

_MOST_PASSES = 1_000_000
"""No closure runs so many."""


def step_of(record: StepNumbersRecord, form: StepFormRecord, numbers: Sequence[float]) -> StepRecord:
    """A step whose numbers stand apart from its form. Raises `Damage` where the two do not fit."""
    left = iter(numbers)
    try:
        groups = [{name: _filled(rate, left) for name, rate in one.items()} for one in form.groups]
        scale = msgspec.convert(_filled(form.scale, left), Num | None)
        rows = msgspec.convert(_filled(form.rows, left), list[ParameterRow])
    except StopIteration:
        raise Damage(f"a step has {len(numbers)} numbers, and its form places for more") from None
    except (ValueError, RecursionError) as error:
        raise Damage(f"the form of a step is not right: {error}") from None
    if next(left, None) is not None:
        raise Damage(f"a step has {len(numbers)} numbers, and its form places for fewer")
    return StepRecord(
        pass_index=record.pass_index,
        began_after=record.began_after,
        optimizer=form.optimizer,
        call=form.call,
        location=form.location,
        groups=groups,
        rows=rows,
        n_others=form.n_others,
        autocast=form.autocast,
        scale=scale,
        is_skipped=form.is_skipped,
    )


def _filled(form: Any, numbers: Iterator[float]) -> Any:
    """A part of a form with numbers in its places."""
    if isinstance(form, list):
        return [_filled(one, numbers) for one in form]
    return next(numbers) if form == {} else form


def step_fact(record: StepRecord, position: int, optimizer: int, known: Definitions, process: int) -> StepFact:
    """What a step did; pass indices are still those of the process."""
    if not 0 <= record.pass_index - record.began_after <= _MOST_PASSES:
        raise Damage(f"a step after pass {record.pass_index} began after pass {record.began_after}")
    groups = tuple(ParameterGroup(tuple((name, value(rate)) for name, rate in one.items())) for one in record.groups)
    return StepFact(
        number=position,
        pass_index=record.pass_index,
        began_after=record.began_after,
        optimizer=optimizer,
        call=record.call,
        location=known.places[record.location],
        groups=groups,
        changes=tuple(_change(row, known) for row in record.rows),
        n_others=record.n_others,
        autocast=known.dtypes[record.autocast],
        scale=number(record.scale),
        is_skipped=record.is_skipped,
        process=process,
    )


def _change(row: ParameterRow, known: Definitions) -> ParameterChange:
    return ParameterChange(
        leaf=known.leaves[row.leaf],
        group=row.group,
        before=number(row.before),
        after=number(row.after),
        change=number(row.change),
        has_gradient=row.has_gradient,
        gradient=number(row.gradient),
        value_before=value(row.value_before),
        value_after=value(row.value_after),
        moments=tuple((name, number(one)) for name, one in row.moments),
        n_moved_rows=row.n_moved_rows,
        moved_rows=tuple(row.moved_rows),
        type=row.type,
        value_gradient=value(row.value_gradient),
        value_moments=tuple((name, value(one)) for name, one in row.value_moments),
    )


def facts_of(events: list[Event], steps: list[StepFact]) -> Iterator[StepFact | None]:
    """For each event the step that it is, or the first of those that it counts, if that was looked at."""
    waiting: dict[tuple[int, int | None], list[StepFact]] = {}
    for step in steps:
        if not (step.is_skipped and step.began_after == step.pass_index and _left_alone(step)):
            waiting.setdefault((step.pass_index, step.optimizer), []).append(step)
    for event in events:
        mine = waiting.get((event.pass_index, event.optimizer)) if event.kind == EventKind.STEP else None
        yield mine.pop(0) if mine else None


def _left_alone(step: StepFact) -> bool:
    """Whether the optimizer was not even called: one that looks for infinities by itself is."""
    return all(change.change is None for change in step.changes)
