"""What programs did to `.grad` and to parameters between passes, in order, and where two runs part in it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import hypot, isclose

from gradtrace.analysis.diff.sequences import align
from gradtrace.model import Event, EventKind, StepFact, Trace

_COMPARED = frozenset(
    {
        EventKind.ZERO_GRAD,
        EventKind.GRAD_CLEARED,
        EventKind.GRAD_MODIFIED,
        EventKind.STEP,
        EventKind.REQUIRES_GRAD,
        EventKind.GRAD_READ,
        EventKind.GRAD_ALIAS,
    }
)

_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Happenings:
    """Events between two passes of which only one run has the like, in order, and steps with other rates.

    Attributes:
        only_old: events of the old run alone.
        only_new: of the new one alone.
        rates: steps that belong together, with other numbers in their param groups (learning rate, momentum ...).
        written: writes to `.grad` that belong together, and made another gradient of the same one.
    """

    only_old: tuple[Event, ...] = ()
    only_new: tuple[Event, ...] = ()
    rates: tuple[tuple[StepFact, StepFact], ...] = ()
    written: tuple[tuple[Event, Event], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.only_old or self.only_new or self.rates or self.written)


def between(trace: Trace, first: int, last: int) -> list[Event]:
    """Events after pass `first` and before the one that follows pass `last`, in order."""
    return [event for event in trace.events if event.kind in _COMPARED and first <= event.pass_index <= last]


def happenings(old: Iterable[Event], new: Iterable[Event]) -> Happenings:
    """Compare what happened in the same part of two runs."""
    old, new = list(old), list(new)
    pairs = align([_key(event) for event in old], [_key(event) for event in new])
    paired_old, paired_new = {a for a, _ in pairs}, {b for _, b in pairs}
    steps = [(old[a].step, new[b].step) for a, b in pairs]
    return Happenings(
        tuple(event for at, event in enumerate(old) if at not in paired_old),
        tuple(event for at, event in enumerate(new) if at not in paired_new),
        tuple((a, b) for a, b in steps if a is not None and b is not None and a.groups != b.groups),
        tuple((old[a], new[b]) for a, b in pairs if _wrote_otherwise(old[a], new[b])),
    )


def _wrote_otherwise(old: Event, new: Event) -> bool:
    of_old, of_new = norm_around(old), norm_around(new)
    if of_old is None or of_new is None:
        return False
    (before_old, after_old), (before_new, after_new) = of_old, of_new
    return isclose(before_old, before_new, rel_tol=_TOLERANCE) and not isclose(
        after_old, after_new, rel_tol=10 * _TOLERANCE
    )


def norm_around(event: Event) -> tuple[float, float] | None:
    """The norm of what was written to, over all its leaves, before and after; None where it is not known."""
    before = [write.before for write in event.writes]
    after = [write.after for write in event.writes]
    numbers = [float(one) for one in (*before, *after) if isinstance(one, float | int)]
    if not before or len(numbers) < len(before) + len(after):
        return None
    return hypot(*numbers[: len(before)]), hypot(*numbers[len(before) :])


def _key(event: Event) -> Hashable:
    return event.kind, event.call, event.set_to_none, event.requires_grad, event.optimizer, len(event.leaves)
