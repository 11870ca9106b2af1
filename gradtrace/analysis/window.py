"""A part of a recording: what was seen after an earlier look at the same recording."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from gradtrace.model import LeafKind, Trace

_WHOLE = frozenset({"run", "leaves", "optimizers", "passes", "events", "findings", "module_facts", "whole"})
"""What is not told apart by being equal: it is numbered, or holds for the whole run."""


def since(trace: Trace, before: Trace, alive: Collection[int]) -> Trace:
    """What a recording holds that it did not hold before.

    Args:
        trace: the recording now; passes, leaves and events keep their numbers.
        before: the same recording at an earlier time.
        alive: the leaves of that time which were still there; of the others nothing is asked any more.
    """
    last = max((one.index + one.count - 1 for one in before.passes), default=0)
    known = set(before.run.observations)
    later: dict[str, Any] = {
        "run": replace(
            trace.run,
            error=None,
            observations=tuple(one for one in trace.run.observations if one not in known),
            notes=trace.run.notes[len(before.run.notes) :],
            blind_spots=tuple(one for one in trace.run.blind_spots if one not in before.run.blind_spots),
        ),
        "leaves": tuple(
            one
            if one.id >= len(before.leaves) or one.id in alive
            # They keep their numbers, and are nobody's.
            else replace(one, kind=LeafKind.TENSOR, requires_grad=False, optimizers=())
            for one in trace.leaves
        ),
        "passes": tuple(one for one in trace.passes if one.index > last),
        "events": trace.events[len(before.events) :],
        "findings": (),
    }
    for field in fields(Trace):
        if field.name not in _WHOLE:
            earlier = getattr(before, field.name)
            later[field.name] = tuple(one for one in getattr(trace, field.name) if one not in earlier)
    return replace(trace, **later)
