"""Parameters that a step moved although the program had taken their gradient away: zeroed it, or frozen them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from gradtrace.analysis.moments import moments
from gradtrace.analysis.once import once
from gradtrace.model import (
    CLEARING,
    STORED,
    BackwardPass,
    Event,
    EventKind,
    Location,
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
class UnledMove:
    """A parameter that a step moved so, and the place that had taken its gradient away.

    Attributes:
        rate: the weight decay of its group.
    """

    leaf: int
    why: Why
    by: Mover
    step: StepFact
    taken: Location | None
    rate: Number | None = None


@once
def moves(trace: Trace) -> tuple[UnledMove, ...]:
    """Every such move, the first of each leaf and reason; not those of a leaf that is written to after its step.

    A program that puts the values back does not mind what the step did to them.
    """
    found: dict[tuple[int, Why], UnledMove] = {}
    state = _State(trace)
    for moment in moments(trace):
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
    return tuple(one for one in found.values() if one.leaf not in state.written)


class _State:
    """What is known of each leaf while the run is walked through."""

    def __init__(self, trace: Trace) -> None:
        self._left: dict[int, Number | None] = {}
        """The norm of the `.grad` that the last pass left, since the last step."""
        self._changed: dict[int, Event] = {}
        """The last event that changed or cleared it since."""
        self._frozen: dict[int, Event] = {}
        self._given: set[int] = set()
        """Frozen leaves whose `.grad` the program has assigned itself."""
        self._after: dict[int, Number | None] = {}
        """The norm of the parameter after its last step."""
        self.written: set[int] = set()
        """Parameters that were not what their last step had made of them when the next one began."""
        self._masks = {one.leaf: one.location for one in trace.masking_hooks}
        """The line that is known to set rows to zero."""

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
                    if leaf not in self._frozen:
                        self._given.discard(leaf)
                    self._frozen.setdefault(leaf, event)
                else:
                    self._frozen.pop(leaf, None)
        elif event.kind in CLEARING or event.kind == EventKind.GRAD_MODIFIED:
            was_zero = {write.leaf for write in event.writes if write.before == 0 == write.after}
            self._changed.update((leaf, event) for leaf in event.leaves if leaf not in was_zero)
            if event.kind == EventKind.GRAD_MODIFIED and event.is_assignment:
                self._given.update(event.leaves)
            for write in event.writes:
                if write.zeroed_rows:
                    self._masks[write.leaf] = event.location

    def stepped(self, step: StepFact) -> Iterator[UnledMove]:
        """What a step moved without a gradient."""
        if step.is_skipped:
            return
        is_anything_left = any(change.gradient for change in step.changes)
        for change in step.changes:
            if not change.has_gradient or not change.change:
                continue
            taken = self._changed.get(change.leaf)
            frozen = self._frozen.get(change.leaf)
            is_zeroed = change.gradient == 0 and bool(self._left.get(change.leaf)) and is_anything_left
            if frozen is not None and change.leaf not in self._left and change.leaf not in self._given:
                yield _move(step, change, Why.FROZEN, frozen.location)
            elif is_zeroed and taken is not None and taken.location is not None:
                yield _move(step, change, Why.ZEROED, taken.location)
            elif change.n_moved_rows and change.gradient and change.leaf in self._masks:
                yield _move(step, change, Why.ROWS, self._masks[change.leaf])

    def end(self, event: Event) -> None:
        """A step has used what there was."""
        for change in () if event.step is None else event.step.changes:
            if self._after.get(change.leaf, change.before) != change.before:
                self.written.add(change.leaf)
            self._after[change.leaf] = change.after
        leaves = event.leaves if event.step is None else tuple(change.leaf for change in event.step.changes)
        for leaf in leaves:
            self._left.pop(leaf, None)
            self._changed.pop(leaf, None)


def _move(step: StepFact, change: ParameterChange, why: Why, taken: Location | None) -> UnledMove:
    group = step.groups[change.group] if change.group < len(step.groups) else None
    rate = None if group is None else group.rate("weight_decay")
    rate = rate if isinstance(rate, int | float) and rate else None
    is_momentum = any(name != "step" and isinstance(norm, int | float) and norm > 0 for name, norm in change.moments)
    by = Mover.OLD if why is Why.FROZEN and change.gradient else Mover.DECAY if rate else Mover.MOMENTUM
    if by is Mover.MOMENTUM and not is_momentum and change.gradient:
        by = Mover.OLD
    return UnledMove(change.leaf, why, by, step, taken, rate)
