"""Parameters that a step moved although the program had taken their gradient away: zeroed it, or frozen them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from gradtrace.analysis.once import once
from gradtrace.model import (
    CLEARING,
    STORED,
    BackwardPass,
    Event,
    EventKind,
    Number,
    ParameterChange,
    StepFact,
    Trace,
)


class Why(Enum):
    """What the program had done before the step."""

    ROWS = auto()
    """It set rows of the gradient to zero."""
    ZEROED = auto()
    """It set the whole gradient to zero, while others in the step kept theirs."""
    FROZEN = auto()
    """It switched `requires_grad` off, and no pass has given a gradient since the last step."""


class Mover(Enum):
    """What moves a parameter without a gradient."""

    DECAY = auto()
    MOMENTUM = auto()
    OLD = auto()
    """What still lies in `.grad`."""


@dataclass(frozen=True, slots=True)
class Move:
    """A parameter that a step moved so, and the event that had taken its gradient away.

    Attributes:
        n_rows: how many rows moved without a gradient, where only some have none.
        rate: the weight decay of its group.
    """

    leaf: int
    why: Why
    by: Mover
    step: StepFact
    taken: Event
    n_rows: int | None = None
    rate: Number | None = None


@once
def moves(trace: Trace) -> tuple[Move, ...]:
    """Every such move, the first of each leaf and reason."""
    found: dict[tuple[int, Why], Move] = {}
    state = _State(trace)
    for moment in _moments(trace):
        if isinstance(moment, BackwardPass):
            state.passed(moment)
        elif moment.kind != EventKind.STEP:
            state.happened(moment)
        elif moment.step is not None:
            for one in state.stepped(moment.step):
                found.setdefault((one.leaf, one.why), one)
            state.end(moment)
        else:
            state.end(moment)
    return tuple(found.values())


def _moments(trace: Trace) -> list[BackwardPass | Event]:
    """Passes and events in order."""
    moments: list[tuple[tuple[int, int, int], BackwardPass | Event]] = [
        ((one.index, 0, 0), one) for one in trace.passes if not one.is_drawn_only
    ]
    moments += [((one.pass_index, 1, one.order), one) for one in trace.events if one.kind != EventKind.BACKWARD]
    return [one for _, one in sorted(moments, key=lambda pair: pair[0])]


class _State:
    """What is known of each leaf while the run is walked through."""

    def __init__(self, trace: Trace) -> None:
        self._left: dict[int, Number | None] = {}
        """The norm of the `.grad` that the last pass left, since the last step."""
        self._changed: dict[int, Event] = {}
        """The last event that changed or cleared it since."""
        self._frozen: dict[int, Event] = {}
        self._masks: dict[int, Event] = {}
        """The line that is known to set rows to zero."""
        self._trace = trace

    def passed(self, one: BackwardPass) -> None:
        """A pass has given gradients."""
        for row in one.accumulations:
            if row.effect in STORED:
                self._left[row.leaf] = row.after.norm if row.after is not None else None
                self._changed.pop(row.leaf, None)

    def happened(self, event: Event) -> None:
        """Something happened to a gradient, or to `requires_grad`."""
        if event.kind == EventKind.REQUIRES_GRAD:
            for leaf in event.leaves:
                if event.requires_grad is False:
                    self._frozen.setdefault(leaf, event)
                else:
                    self._frozen.pop(leaf, None)
        elif event.kind in CLEARING or event.kind == EventKind.GRAD_MODIFIED:
            for leaf in event.leaves:
                self._changed[leaf] = event
            for write in event.writes:
                if write.zeroed_rows:
                    self._masks[write.leaf] = event

    def stepped(self, step: StepFact) -> Iterator[Move]:
        """What a step moved without a gradient."""
        if step.is_skipped:
            return
        is_anything_left = any(change.gradient for change in step.changes)
        for change in step.changes:
            if not change.has_gradient or not change.change:
                continue
            taken = self._changed.get(change.leaf)
            frozen = self._frozen.get(change.leaf)
            if frozen is not None and change.leaf not in self._left:
                yield _move(step, change, Why.FROZEN, frozen)
            elif taken is None or taken.location is None:
                continue
            elif change.gradient == 0 and self._left.get(change.leaf) and is_anything_left:
                yield _move(step, change, Why.ZEROED, taken)
            elif change.n_moved_rows and change.gradient and change.leaf in self._masks:
                yield _move(step, change, Why.ROWS, self._masks[change.leaf])

    def end(self, event: Event) -> None:
        """A step has used what there was."""
        leaves = event.leaves if event.step is None else tuple(change.leaf for change in event.step.changes)
        for leaf in leaves:
            self._left.pop(leaf, None)
            self._changed.pop(leaf, None)


def _move(step: StepFact, change: ParameterChange, why: Why, taken: Event) -> Move:
    group = step.groups[change.group] if change.group < len(step.groups) else None
    rate = None if group is None else group.rate("weight_decay")
    rate = rate if isinstance(rate, int | float) and rate else None
    is_momentum = any(name != "step" and isinstance(norm, int | float) and norm > 0 for name, norm in change.moments)
    by = Mover.OLD if why is Why.FROZEN and change.gradient else Mover.DECAY if rate else Mover.MOMENTUM
    if by is Mover.MOMENTUM and not is_momentum and change.gradient:
        by = Mover.OLD
    return Move(change.leaf, why, by, step, taken, change.n_moved_rows, rate)
