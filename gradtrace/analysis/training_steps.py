"""Which passes belong to which training step: which run inside one, and whose gradients a step of an optimizer used."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

from gradtrace.analysis.by_value import by_value, concerned, found_empty
from gradtrace.analysis.once import once
from gradtrace.model import CLEARING, STORED, BackwardPass, Effect, EventKind, PassCall, StepFact, Trace

_MOST_CONSUMED = 100_000
"""So many of the passes that are counted together are told one by one."""


@once
def inner(trace: Trace) -> frozenset[int]:
    """Indices of the passes inside a step: inner loops, penalties, derivatives with respect to inputs.

    They return their gradients and store none. Where no pass of the process stores any, the program trains with what
    `autograd.grad` returns, and only gradients with a graph are for a loss.
    """
    storing = {one.process for one in trace.passes if not _returns(one) and not one.is_drawn_only}
    return frozenset(
        one.index for one in trace.passes if _returns(one) and (one.create_graph or one.process in storing)
    )


def _returns(one: BackwardPass) -> bool:
    return one.call == PassCall.AUTOGRAD_GRAD or one.parent is not None


@once
def numbers(trace: Trace) -> dict[int, int]:
    """For each pass, by index, the number of the training step that it is part of, from 1 in each process.

    A step ends where an optimizer steps; several that step with no pass between end one. Where no optimizer of the
    process ever steps, it ends with each pass that is no inner one. Of passes that are counted together it is the
    number of the first.
    """
    ends = _ends(trace)
    found: dict[int, int] = {}
    done: dict[int, int] = {}
    inside = inner(trace)
    for one in sorted(trace.passes, key=lambda one: one.index):
        stepped = ends.get(one.process)
        if stepped is not None:
            while stepped and stepped[0][0] + stepped[0][1] <= one.index:
                done[one.process] = done.get(one.process, 0) + stepped.popleft()[1]
            begun = takewhile(lambda end: end[0] < one.index, stepped)  # noqa: B023 - used up at once
            partly = sum(min(count, one.index - index) for index, count in begun)
            found[one.index] = done.get(one.process, 0) + partly + 1
        else:
            found[one.index] = done.get(one.process, 0) + 1
            if one.index not in inside and not one.is_drawn_only:
                done[one.process] = done.get(one.process, 0) + one.count
    return found


def _ends(trace: Trace) -> dict[int, deque[tuple[int, int]]]:
    """By process: after which passes an optimizer stepped, and how often in a row, each time a pass later."""
    ends: dict[int, dict[int, int]] = {}
    for event in trace.events:
        if event.kind == EventKind.STEP:
            of_process = ends.setdefault(event.process, {})
            of_process[event.pass_index] = max(event.count, of_process.get(event.pass_index, 0))
    return {process: deque(sorted(found.items())) for process, found in ends.items()}


def consumed(trace: Trace, step: StepFact) -> tuple[int, ...]:
    """Indices of the passes whose gradients a step used: all since the `.grad` of its parameters were last empty."""
    told = by_value(trace)
    cleared = _cleared(told, step)
    passes = sorted((one for one in told.passes if one.index <= step.pass_index), key=lambda one: -one.index)
    wanted = {change.leaf: cleared.get(change.leaf, 0) for change in step.changes if change.has_gradient}
    found: set[int] = set()
    for one in passes:
        if one.process != step.process or one.is_drawn_only:
            continue
        last = min(one.index + one.count - 1, step.pass_index)
        for row in one.accumulations:
            since = wanted.get(row.leaf)
            if since is None or row.effect not in STORED:
                continue
            is_first = bool(found_empty(one, row)) or one.index <= since
            if last > since:
                first = max(one.index, since + 1, last - _MOST_CONSUMED + 1)
                found.update([last] if is_first and row.effect == Effect.CREATED else range(first, last + 1))
            if is_first:
                del wanted[row.leaf]
        if not wanted:
            break
    return tuple(sorted(found))


def _cleared(told: Trace, step: StepFact) -> dict[int, int]:
    """By leaf: the last pass whose gradient something had cleared when the step began."""
    found: dict[int, int] = {}
    for event in told.events:
        is_this = event.step is not None and event.step.number == step.number
        if is_this or event.pass_index > step.pass_index:
            break
        if event.kind in CLEARING and event.process == step.process:
            last = event.pass_index + event.count - 1
            for leaf in concerned(told, event):
                found[leaf] = max(found.get(leaf, 0), last if event.count == 1 else min(last, step.pass_index - 1))
    return found
