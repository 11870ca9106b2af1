"""Places that are to clip gradients and are given none, because what lists the parameters is used up."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.model import CLEARING, STORED, EventKind, Location, Trace
from gradtrace.model.location import source_line

_TOUCHING = CLEARING | {EventKind.GRAD_MODIFIED}


@dataclass(frozen=True, slots=True)
class ClippedNothing:
    """A place at which nothing was left to be clipped.

    Attributes:
        place: the call, or the loop over nothing.
        call: torch's function, where it is one.
        iterator: the variable that was used up, where that is known.
        used_by: the loop that used it up.
        leaves: the leaves whose gradients stayed as they were.
    """

    place: Location
    call: str | None
    iterator: str | None
    used_by: Location | None
    leaves: tuple[int, ...]


@once
def clipped_nothing(trace: Trace) -> tuple[ClippedNothing, ...]:
    """Those of the run, each once."""
    return (*_calls(trace), *_loops(trace))


def _calls(trace: Trace) -> list[ClippedNothing]:
    stored = {
        (one.index, one.process): tuple(row.leaf for row in one.accumulations if row.effect in STORED)
        for one in trace.passes
    }
    working = {source_line(event.location) for event in trace.events if event.kind == EventKind.GRAD_MODIFIED}
    found: dict[tuple[str, int] | None, ClippedNothing] = {}
    for one in trace.empty_clippings:
        leaves = stored.get((one.pass_index, one.process), ())
        line = source_line(one.location)
        if one.location is not None and leaves and not one.n_parameters and line not in working:
            found.setdefault(line, ClippedNothing(one.location, one.call, None, None, leaves))
    return list(found.values())


def _loops(trace: Trace) -> list[ClippedNothing]:
    places = [use.location for use in trace.grad_uses]
    places += [event.location for event in trace.events if event.kind in _TOUCHING]
    busy: dict[tuple[str, str], int] = {}
    for place in places:
        if place is not None:
            key = (place.file, place.function)
            busy[key] = max(busy.get(key, 0), place.line)
    found: dict[tuple[str, int] | None, ClippedNothing] = {}
    for use in trace.grad_uses:
        if use.again is None or use.location is None:
            continue
        if busy.get((use.again.file, use.again.function), 0) < use.again.line:
            one = ClippedNothing(use.again, None, use.iterator, use.location, use.leaves)
            found.setdefault(source_line(use.again), one)
    return list(found.values())
