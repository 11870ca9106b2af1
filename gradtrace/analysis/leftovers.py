"""Passes that added to gradients which were not cleared although they belong to an earlier training step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.ledger import Contribution, History, ledger
from gradtrace.model import CLEARING, BackwardPass, Effect, Event, EventKind, Leaf, Trace


@dataclass(frozen=True, slots=True)
class Leftover:
    """A gradient that was still there when a pass added to it.

    Attributes:
        leaf: whose gradient it is.
        backward: the first pass that added to it.
        step: the step that had used it; None where it was there before anything was recorded.
    """

    leaf: Leaf
    backward: BackwardPass
    step: Event | None


def leftovers(trace: Trace) -> tuple[Leftover, ...]:
    """For each leaf the first of them, in order of the leaves. To add up passes before one step is no mistake."""
    return tuple(found for history in ledger(trace).histories for found in _first(history))


def _first(history: History) -> Iterator[Leftover]:
    step: Event | None = None
    is_known = False
    """Whether what is in `.grad` was put there, or cleared, while it was recorded."""
    for entry in history.entries:
        if isinstance(entry, Contribution):
            if entry.accumulation.effect == Effect.ACCUMULATED and _has_gradient(entry) and (step or not is_known):
                yield Leftover(history.leaf, entry.backward, step)
                return
            is_known, step = True, None
        elif entry.kind in CLEARING:
            is_known, step = True, None
        elif entry.kind == EventKind.STEP and is_known:
            step = entry


def _has_gradient(entry: Contribution) -> bool:
    before = entry.accumulation.before
    return before is None or before.norm != 0
