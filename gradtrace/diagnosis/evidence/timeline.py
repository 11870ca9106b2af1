"""What happened to the gradients that an optimizer trains, from one `step()` to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gradtrace.analysis.by_value import found_empty
from gradtrace.analysis.fan_in import is_put_there
from gradtrace.analysis.ledger import Pattern, ledger
from gradtrace.analysis.once import once
from gradtrace.analysis.outcome import UNSCALES
from gradtrace.diagnosis.evidence.ownership import owners
from gradtrace.model import CLEARING, BackwardPass, Event, EventKind, OptimizerInfo, Recorded, Trace


@dataclass(frozen=True, slots=True)
class Cycle:
    """The events that concern one optimizer's leaves since its last `step()`, and the `step()` that ends them.

    `step` is None for what came after the last one.
    """

    optimizer: OptimizerInfo
    leaves: frozenset[int]
    events: tuple[Event, ...]
    step: Event | None

    def additions(self) -> tuple[Event, ...]:
        """The passes that added to its leaves, each as its event."""
        return tuple(one for one in self.events if one.kind == EventKind.BACKWARD)

    def added(self) -> dict[int, list[Event]]:
        """By leaf: the passes that added to it."""
        found: dict[int, list[Event]] = {}
        for event in self.additions():
            for leaf in event.leaves:
                found.setdefault(leaf, []).append(event)
        return found

    def cleared(self) -> frozenset[int]:
        """The leaves whose `.grad` something emptied."""
        return frozenset(leaf for one in self.events if one.kind in CLEARING for leaf in one.leaves)

    def left(self) -> frozenset[int]:
        """The leaves in whose `.grad` something lies at the end: a pass added to it, and nothing has emptied it."""
        found: set[int] = set()
        for event in self.events:
            if event.kind in CLEARING:
                found.difference_update(event.leaves)
            elif event.kind == EventKind.BACKWARD:
                found.update(self.leaves.intersection(event.leaves))
        return frozenset(found)

    def window(self) -> tuple[Event, ...]:
        """The passes that add up in what `step()` reads: those after the last clearing."""
        found: list[Event] = []
        for event in self.events:
            if event.kind in CLEARING:
                found.clear()
            elif event.kind == EventKind.BACKWARD:
                found.append(event)
        return tuple(found)


@once
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


@once
def cycles(trace: Trace) -> tuple[tuple[Cycle, ...], ...]:
    """For every optimizer, its cycles in order; the last of them has no step."""
    return tuple(_cycles(trace))


def _cycles(trace: Trace) -> Iterator[tuple[Cycle, ...]]:
    owned = owners(trace)
    events = observed(trace)
    put = _put_by_ranks(trace)
    for optimizer in trace.optimizers:
        leaves = frozenset(leaf for leaf, ids in owned.items() if optimizer.id in ids)
        found: list[Cycle] = []
        since: list[Event] = []
        for event in events:
            if event.kind == EventKind.STEP and event.optimizer == optimizer.id:
                found.append(Cycle(optimizer, leaves, tuple(since), event))
                since = []
                continue
            more = put.get((event.pass_index, event.process)) if event.kind == EventKind.BACKWARD else None
            if more:
                event = replace(event, leaves=tuple(sorted(more.union(event.leaves))))  # noqa: PLW2901
            if leaves.intersection(event.leaves):
                since.append(event)
        if found:
            yield (*found, Cycle(optimizer, leaves, tuple(since), None))


def _put_by_ranks(trace: Trace) -> dict[tuple[int, int], frozenset[int]]:
    """By pass and process the leaves to which nothing came, and whose `.grad` is another after it all the same."""
    return {
        (one.index, one.process): frozenset(row.leaf for row in one.accumulations if is_put_there(row))
        for one in trace.passes
    }


def stepped(history: tuple[Cycle, ...]) -> tuple[tuple[Cycle, Event], ...]:
    """The cycles that end in a step, with it."""
    return tuple((cycle, cycle.step) for cycle in history if cycle.step is not None)


def never_cleared(trace: Trace, history: tuple[Cycle, ...]) -> frozenset[int]:
    """Leaves to which passes add, step after step, and whose `.grad` nothing empties in between.

    One that is cleared before each pass, as the ledger tells it, is none of them, whoever clears it.
    """
    bad: set[int] = set()
    good: set[int] = set()
    empty = _onto_nothing(trace)
    is_closure = history[0].optimizer.type == "LBFGS"
    previous: Event | None = None
    for cycle, step in stepped(history):
        cleared, before, now = cycle.cleared(), frozenset(previous.leaves if previous else ()), frozenset(step.leaves)
        if previous is not None:
            good |= cleared
        else:
            good |= cleared if step.leaves else frozenset()
        for leaf, events in cycle.added().items():
            if leaf not in cycle.leaves or leaf in cleared:
                continue
            onto = [event for event in events if (event.pass_index, leaf) not in empty]
            if (len(onto) > 1 or (onto and len(events) > 1)) if is_closure else (leaf in before & now and onto):
                bad.add(leaf)
        previous = step
    cleared_late = frozenset(good) if is_closure else frozenset[int]().union(*(one.cleared() for one in history[1:]))
    verdicts = ledger(trace).verdicts
    kept = cleared_late | _kept_on_purpose(history)
    return frozenset(leaf for leaf in bad - kept if verdicts[leaf].pattern is not Pattern.ZEROED)


def is_by_hand(event: Event) -> bool:
    """Whether a line of the program changes `.grad` itself: no clipping by torch, and no write of a scaler's."""
    return event.kind == EventKind.GRAD_MODIFIED and not event.is_clipping and event.call not in UNSCALES


def lessened(event: Event) -> frozenset[int]:
    """The leaves whose `.grad` a line of the program makes smaller, clipping and a scaler's own writes left out."""
    if not is_by_hand(event):
        return frozenset()
    return frozenset(
        one.leaf
        for one in event.writes
        if isinstance(one.before, float | int) and isinstance(one.after, float | int) and one.after < one.before
    )


def _kept_on_purpose(history: tuple[Cycle, ...]) -> frozenset[int]:
    """The leaves whose `.grad` is made smaller before each pass that adds to what was used: a momentum."""
    kept: frozenset[int] | None = None
    for cycle, _ in stepped(history)[1:]:
        less: set[int] = set()
        added: set[int] = set()
        for event in cycle.events:
            if event.kind == EventKind.BACKWARD:
                added.update(event.leaves)
            else:
                less.update(lessened(event) - added)
        kept = frozenset(less) if kept is None else kept & less
    return kept or frozenset()


@once
def _onto_nothing(trace: Trace) -> frozenset[tuple[int, int]]:
    """Passes and leaves where the pass found None or zeros: nothing piles up there."""
    return frozenset(
        (one.index, row.leaf) for one in trace.passes for row in one.accumulations if found_empty(one, row)
    )


@once
def passes_by_index(trace: Trace) -> dict[tuple[int, int], BackwardPass]:
    """By index and process: the passes."""
    return {(one.index, one.process): one for one in reversed(trace.passes)}


def pass_of(trace: Trace, event: Event) -> BackwardPass | None:
    """The pass that a `backward` event stands for."""
    return passes_by_index(trace).get((event.pass_index, event.process))


def optimizer_name(optimizer: OptimizerInfo) -> str:
    """What a person calls it."""
    return optimizer.name or f"the {optimizer.type} optimizer"


def quoted(optimizer: OptimizerInfo) -> str:
    """The same in a sentence: its name as code, where it has one."""
    return f"`{optimizer.name}`" if optimizer.name else optimizer_name(optimizer)


def is_zeroed_elsewhere(trace: Trace, history: tuple[Cycle, ...], leaves: frozenset[int]) -> bool:
    """Whether another optimizer's gradients are cleared at two places in each cycle, as if one were for these."""
    for other in cycles(trace):
        if other[0].optimizer.id == history[0].optimizer.id:
            continue
        places = [
            {
                event.location.source_line
                for event in cycle.events
                if event.kind == EventKind.ZERO_GRAD and event.location is not None and leaves.isdisjoint(event.leaves)
            }
            for cycle, _ in stepped(other)
        ]
        if len(places) > 1 and all(len(one) > 1 for one in places[1:]):
            return True
    return False
