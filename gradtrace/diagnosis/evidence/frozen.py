"""Parameters that the program froze on the way: which of them a loop goes on to train, without ever unfreezing them."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.cut_points import rootless
from gradtrace.diagnosis.evidence.ownership import owners, received
from gradtrace.model import BackwardPass, Event, EventKind, Location, Trace
from gradtrace.model.location import same_place

_OFTEN = 2
"""A freeze that runs so often is part of the loop."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Leaves that had a gradient when a line froze them, and that no line unfroze.

    Attributes:
        optimizer: what had trained them.
        first: the first time that they were frozen.
        count: how often the line ran.
        trained: the last pass before it that gave them a gradient.
    """

    leaves: tuple[int, ...]
    optimizer: int
    first: Event
    count: int
    trained: Event


@dataclass(frozen=True, slots=True)
class NeverUnfrozen:
    """A freeze for the sake of another pass, after which the pass that trains the leaves comes again without them.

    Attributes:
        between: the pass for which they were frozen.
        again: the pass that had trained them, when it came again.
        step: the next step of their optimizer.
        failed: the same pass, if it found nothing left to train.
    """

    freeze: Freeze
    between: Event | None
    again: Location | None
    step: Event | None
    failed: BackwardPass | None = None


@dataclass(slots=True)
class _Switched:
    """A leaf that is frozen now."""

    first: Event
    trained: Event
    n_times: int


@once
def freezes(trace: Trace) -> tuple[Freeze, ...]:
    """Every freeze of leaves that an optimizer had trained and that get no gradient any more, by line."""
    open_ = _frozen_at_last(trace)
    owned, given = owners(trace), received(trace)
    groups: dict[tuple[int, int], list[int]] = {}
    for leaf, one in open_.items():
        last = given.get(leaf, ())
        if leaf in owned and last and last[-1].index <= one.first.pass_index:
            for optimizer in owned[leaf]:
                groups.setdefault((optimizer, one.first.order), []).append(leaf)
    return tuple(
        Freeze(tuple(sorted(leaves)), optimizer, one.first, one.n_times, one.trained)
        for (optimizer, _), leaves in groups.items()
        if (one := open_[leaves[0]])
    )


def _frozen_at_last(trace: Trace) -> dict[int, _Switched]:
    """The leaves that had a gradient when they were frozen, and that no later event unfreezes."""
    open_: dict[int, _Switched] = {}
    trained: dict[int, Event] = {}
    for event in trace.events:
        if event.kind == EventKind.BACKWARD:
            trained.update(dict.fromkeys(event.leaves, event))
        elif event.kind == EventKind.REQUIRES_GRAD and event.requires_grad:
            for leaf in event.leaves:
                open_.pop(leaf, None)
        elif event.kind == EventKind.REQUIRES_GRAD and event.requires_grad is False:
            for leaf in event.leaves:
                if leaf in open_:
                    open_[leaf].n_times += event.count
                elif leaf in trained:
                    open_[leaf] = _Switched(event, trained[leaf], event.count)
    return open_


@once
def never_unfrozen(trace: Trace) -> tuple[NeverUnfrozen, ...]:
    """The freezes that were meant for another pass only.

    Freezing for good is sound: it is told apart by what the loop does next. The freeze comes again in each round, the
    next pass trains nothing of the same optimizer and had not run before, and then the pass that had trained the leaves
    runs once more, and the optimizer steps, or the pass fails because nothing is left.
    """
    owned = owners(trace)
    found = []
    for freeze in freezes(trace):
        own = {leaf for leaf, ids in owned.items() if freeze.optimizer in ids}
        one = _after(trace, freeze, own)
        if one is None or (one.failed is None and (freeze.count < _OFTEN or _came_before(trace, one))):
            continue
        found.append(one)
    return tuple(found)


def _came_before(trace: Trace, one: NeverUnfrozen) -> bool:
    """Whether the pass between had run before the freeze: then it was not frozen for that pass."""
    between = one.between
    return between is not None and any(
        event.kind == EventKind.BACKWARD
        and event.process == between.process
        and same_place(event.location, between.location)
        and not set(between.leaves).isdisjoint(event.leaves)
        for event in trace.events[: one.freeze.first.order]
    )


def _after(trace: Trace, freeze: Freeze, own: set[int]) -> NeverUnfrozen | None:
    """What the program did after a freeze, if it went on to train what it had frozen."""
    between, again = None, None
    dead = rootless(trace)
    for event in trace.events[freeze.first.order + 1 :]:
        if event.process != freeze.first.process:
            continue
        if event.kind == EventKind.BACKWARD:
            is_dead = dead is not None and event.pass_index == dead.index
            if own.isdisjoint(event.leaves) and not is_dead:
                between = between or event
            elif between is None:
                return None  # the next pass is one of those that had trained them: it was frozen for this one
            elif same_place(event.location, freeze.trained.location):
                again = again or event
                if is_dead:
                    return NeverUnfrozen(freeze, between, event.location, None, dead)
        elif event.kind == EventKind.STEP and event.optimizer == freeze.optimizer and again is not None:
            return NeverUnfrozen(freeze, between, again.location, event)
    is_same = dead is not None and same_place(dead.location, freeze.trained.location)
    if dead is not None and is_same and between is not None and dead.process == freeze.first.process:
        return NeverUnfrozen(freeze, between, dead.location, None, dead)
    return None
