"""What happened to the gradients that an optimizer trains, from one `step()` to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.diagnosis.ownership import owners
from gradtrace.model import CLEARING, BackwardPass, Event, EventKind, Location, OptimizerInfo, Recorded, Trace


@dataclass(frozen=True, slots=True)
class Cycle:
    """The events that concern one optimizer's leaves since its last `step()`, and the `step()` that ends them.

    `step` is None for what came after the last one.
    """

    optimizer: OptimizerInfo
    leaves: frozenset[int]
    events: tuple[Event, ...]
    step: Event | None

    def additions(self, leaf: int | None = None) -> tuple[Event, ...]:
        """The passes that added to its leaves (or to this one), each as its event."""
        return tuple(
            one for one in self.events if one.kind == EventKind.BACKWARD and (leaf is None or leaf in one.leaves)
        )

    def window(self) -> tuple[Event, ...]:
        """The passes that add up in what `step()` reads: those after the last clearing."""
        found: list[Event] = []
        for event in self.events:
            if event.kind in CLEARING:
                found.clear()
            elif event.kind == EventKind.BACKWARD:
                found.append(event)
        return tuple(found)

    def clears(self, leaf: int) -> bool:
        """Whether anything emptied the leaf's `.grad`."""
        return any(one.kind in CLEARING and leaf in one.leaves for one in self.events)


def observed(trace: Trace) -> tuple[Event, ...]:
    """The events that are known in full: up to the last pass that was recorded in full."""
    if is_whole(trace):
        return trace.events
    last = _last_full(trace)
    return tuple(
        event
        for event in trace.events
        if event.pass_index < last or (event.pass_index == last and event.kind == EventKind.BACKWARD)
    )


def is_whole(trace: Trace) -> bool:
    """Whether every pass of the run was recorded in full."""
    last = _last_full(trace)
    return all(one.recorded == Recorded.FULL for one in trace.passes) and not any(
        event.kind == EventKind.BACKWARD and (event.pass_index > last or event.count > 1) for event in trace.events
    )


def _last_full(trace: Trace) -> int:
    """The last pass before which every pass was recorded in full; a later one may be, because something changed."""
    partial = min((one.index for one in trace.passes if one.recorded != Recorded.FULL), default=None)
    full = (
        one.index for one in trace.passes if one.recorded == Recorded.FULL and (partial is None or one.index < partial)
    )
    return max(full, default=0)


def cycles(trace: Trace) -> Iterator[tuple[Cycle, ...]]:
    """For every optimizer, its cycles in order; the last of them has no step."""
    owned = owners(trace)
    events = observed(trace)
    for optimizer in trace.optimizers:
        leaves = frozenset(leaf for leaf, ids in owned.items() if optimizer.id in ids)
        found: list[Cycle] = []
        since: list[Event] = []
        for event in events:
            if event.kind == EventKind.STEP and event.optimizer == optimizer.id:
                found.append(Cycle(optimizer, leaves, tuple(since), event))
                since = []
            elif leaves.intersection(event.leaves):
                since.append(event)
        if found:
            yield (*found, Cycle(optimizer, leaves, tuple(since), None))


def stepped(history: tuple[Cycle, ...]) -> tuple[tuple[Cycle, Event], ...]:
    """The cycles that end in a step, with it."""
    return tuple((cycle, cycle.step) for cycle in history if cycle.step is not None)


def never_cleared(history: tuple[Cycle, ...]) -> frozenset[int]:
    """Leaves to which passes add, step after step, and whose `.grad` nothing empties in between."""
    bad: set[int] = set()
    good: set[int] = set()
    previous: Event | None = None
    for cycle, step in stepped(history):
        for leaf in cycle.leaves:
            added = cycle.additions(leaf)
            if cycle.clears(leaf):
                if previous is not None or step.leaves:
                    good.add(leaf)
            elif cycle.optimizer.type == "LBFGS":
                if len(added) > 1:
                    bad.add(leaf)
            elif previous is not None and leaf in previous.leaves and added and leaf in step.leaves:
                bad.add(leaf)
        previous = step
    cleared_late = {leaf for cycle in history[1:] for leaf in cycle.leaves if cycle.clears(leaf)}
    if history[0].optimizer.type == "LBFGS":
        cleared_late = good
    return frozenset(bad - cleared_late)


def pass_of(trace: Trace, event: Event) -> BackwardPass | None:
    """The pass that a `backward` event stands for."""
    return next((one for one in trace.passes if one.index == event.pass_index and one.process == event.process), None)


def same_place(one: Location | None, other: Location | None) -> bool:
    """Whether two places are one line."""
    return one is not None and other is not None and (one.file, one.line) == (other.file, other.line)


def optimizer_name(optimizer: OptimizerInfo) -> str:
    """What a person calls it."""
    return optimizer.name or f"the {optimizer.type} optimizer"


def is_zeroed_elsewhere(trace: Trace, history: tuple[Cycle, ...], leaves: frozenset[int]) -> bool:
    """Whether another optimizer's gradients are cleared at two places in each cycle, as if one were for these."""
    for other in cycles(trace):
        if other[0].optimizer.id == history[0].optimizer.id:
            continue
        places = [
            {
                (event.location.file, event.location.line)
                for event in cycle.events
                if event.kind == EventKind.ZERO_GRAD and event.location is not None and leaves.isdisjoint(event.leaves)
            }
            for cycle, _ in stepped(other)
        ]
        if len(places) > 1 and all(len(one) > 1 for one in places[1:]):
            return True
    return False
