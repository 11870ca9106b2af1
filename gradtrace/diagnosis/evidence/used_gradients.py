"""Whose gradients each step used: for every parameter, the lines whose passes had added up in its `.grad`.

One walk over the run; a step keeps, for each parameter, one share for each line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradtrace.analysis.by_value import by_value, concerned, found_empty
from gradtrace.analysis.moments import moments
from gradtrace.analysis.once import once
from gradtrace.model import (
    CLEARING,
    STORED,
    Accumulation,
    BackwardPass,
    Effect,
    Event,
    EventKind,
    Location,
    StepFact,
    Trace,
)
from gradtrace.model.location import Line, source_line


@dataclass(frozen=True, slots=True)
class Share:
    """What passes of one line had added to a `.grad`.

    Attributes:
        line: the line, as file and number.
        location: where the passes were started.
        first: index of the first of them.
        last: index of the last of them; where passes are counted together, of the first of these.
        count: how many they are.
        process: the process in which they ran.
        written: something else than clipping has changed the gradient since the last of them.
    """

    line: Line
    location: Location | None
    first: int
    last: int
    count: int
    process: int
    written: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """A step that was looked at, and by parameter the shares in what it used, in the order in which they came."""

    step: StepFact
    shares: dict[int, tuple[Share, ...]]


_TOUCHING = CLEARING | {EventKind.GRAD_MODIFIED, EventKind.STEP}


@once
def uses(trace: Trace) -> tuple[Use, ...]:
    """The steps of the run that were looked at; what came after the last of them was only counted."""
    told = by_value(trace)
    piles: dict[int, dict[Line, Share]] = {}
    found: list[Use] = []
    for moment in moments(told, _TOUCHING):
        if len(found) == len(told.steps):
            break
        if isinstance(moment, BackwardPass):
            for row in moment.accumulations:
                _add(piles, moment, row)
        elif moment.step is not None:
            held = (one.leaf for one in moment.step.changes if one.has_gradient)
            shares = {leaf: tuple(piles[leaf].values()) for leaf in held if leaf in piles}
            found.append(Use(moment.step, shares))
        else:
            _touch(piles, told, moment)
    return tuple(found)


def _touch(piles: dict[int, dict[Line, Share]], told: Trace, event: Event) -> None:
    """Something cleared or changed gradients."""
    if event.kind in CLEARING:
        for leaf in concerned(told, event):
            piles.pop(leaf, None)
    elif event.kind == EventKind.GRAD_MODIFIED and not event.is_clipping:
        for leaf in event.leaves:
            if leaf in piles:
                piles[leaf] = {line: replace(one, written=True) for line, one in piles[leaf].items()}


def _add(piles: dict[int, dict[Line, Share]], one: BackwardPass, row: Accumulation) -> None:
    if row.effect not in STORED:
        return
    if row.effect == Effect.CREATED or found_empty(one, row):
        piles.pop(row.leaf, None)
    pile = piles.setdefault(row.leaf, {})
    line = source_line(one.location)
    known = pile.pop(line, None)  # what is put back stands at the end: shares are in order of their last pass
    first, count = (known.first, known.count) if known else (one.index, 0)
    pile[line] = Share(line, one.location, first, one.index, count + one.count, one.process)
