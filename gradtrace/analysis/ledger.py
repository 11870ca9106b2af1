"""The history of every leaf's `.grad`: what each pass added, what cleared, changed and read it, and its pattern."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gradtrace.model import (
    CLEARING,
    STORED,
    Accumulation,
    BackwardPass,
    Effect,
    Event,
    EventKind,
    Leaf,
    Location,
    Recorded,
    Trace,
)

_LEDGER_EVENTS = CLEARING | {EventKind.GRAD_MODIFIED, EventKind.STEP}


class Pattern(StrEnum):
    """What a leaf's history amounts to."""

    ABSENT = "absent"
    """No pass knew the leaf."""
    NOTHING = "nothing arrived"
    """It was part of a pass, and no pass sent it anything."""
    NOT_STORED = "not stored"
    """`autograd.grad` returned its gradients; `.grad` was never touched."""
    SINGLE = "single"
    """Exactly one pass added to it."""
    ZEROED = "zeroed"
    """Cleared between any two passes that added to it."""
    ACCUMULATES = "accumulates"
    """The same number of passes, more than one, adds up each time before step() or clearing."""
    NEVER_ZEROED = "never zeroed"
    """Passes add up and nothing clears it."""
    IRREGULAR = "irregular"
    """Cleared between some passes and not between others."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one pass (or `backward.count` passes alike) did to a leaf."""

    backward: BackwardPass
    accumulation: Accumulation


@dataclass(frozen=True, slots=True)
class History:
    """A leaf and, in order, every pass that concerned it and every event that touched its `.grad`."""

    leaf: Leaf
    entries: tuple[Contribution | Event, ...]

    @property
    def contributions(self) -> Iterator[Contribution]:
        """The passes alone."""
        return (entry for entry in self.entries if isinstance(entry, Contribution))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something to `.grad`: the call (`SGD.zero_grad`, empty when not seen), where, to None or zeros."""

    call: str
    location: Location | None
    set_to_none: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The pattern of one leaf's history.

    Attributes:
        passes: indices of the recorded passes that added to it; a pass that stands for many is there once.
        n_passes: how many passes added to it, those that are only counted included.
        window: how many passes add up before it is cleared; 0 when that differs.
        cleared_before: indices of the passes before which it was cleared.
        cleared_after_last: it was cleared after the last pass that added to it.
        clearers: who cleared it, each once, in order.
        n_steps: how many times step() read it.
        steps_each: how many passes precede each step() when that is always the same; else None.
        steppers: who ran step(), each once, in order.
        n_modified: how often something else changed it (clipping, scaling, assignment).
        modifiers: who changed it, each once, in order.
        n_not_stored: how many passes returned its gradient, where none ever stored it.
    """

    pattern: Pattern
    passes: tuple[int, ...] = ()
    n_passes: int = 0
    window: int = 0
    cleared_before: tuple[int, ...] = ()
    cleared_after_last: bool = False
    clearers: tuple[Actor, ...] = ()
    n_steps: int = 0
    steps_each: int | None = None
    steppers: tuple[Actor, ...] = ()
    n_modified: int = 0
    modifiers: tuple[Actor, ...] = ()
    n_not_stored: int = 0

    @property
    def is_cleared_before_first(self) -> bool:
        """It was cleared before the first pass that added to it."""
        return bool(self.passes and self.cleared_before) and self.cleared_before[0] == self.passes[0]


@dataclass(frozen=True, slots=True)
class LeafGroup:
    """Leaves of one process and the same optimizers that share a verdict."""

    leaves: tuple[Leaf, ...]
    verdict: Verdict
    optimizers: tuple[int, ...]
    process: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """All histories (`histories[i].leaf.id == i`), their verdicts in the same order, and the groups that share one."""

    histories: tuple[History, ...]
    verdicts: tuple[Verdict, ...]
    groups: tuple[LeafGroup, ...]
    n_passes: int
    n_full: int


def ledger(trace: Trace) -> Ledger:
    """Order all that happened to the leaves of a run and judge it."""
    entries: list[list[Contribution | Event]] = [[] for _ in trace.leaves]
    for moment in _moments(trace):
        if isinstance(moment, BackwardPass):
            for accumulation in moment.accumulations:
                entries[accumulation.leaf].append(Contribution(moment, accumulation))
        else:
            for leaf in moment.leaves or _owned(moment, trace):
                entries[leaf].append(moment)
    histories = tuple(History(leaf, tuple(own)) for leaf, own in zip(trace.leaves, entries, strict=True))
    outermost = _outermost(trace)
    verdicts = tuple(_verdict(history, outermost) for history in histories)
    ran = [one for one in trace.passes if not one.is_drawn_only]
    return Ledger(
        histories,
        verdicts,
        _groups(histories, verdicts),
        n_passes=sum(one.count for one in ran),
        n_full=sum(one.recorded == Recorded.FULL for one in ran),
    )


def _owned(event: Event, trace: Trace) -> tuple[int, ...]:
    """The leaves that an event of an optimizer concerns, where only the optimizer was noted (passes not in full)."""
    if event.optimizer is None:
        return ()
    return tuple(leaf.id for leaf in trace.leaves if event.optimizer in leaf.optimizers)


def _moments(trace: Trace) -> list[BackwardPass | Event]:
    """Passes and events in the order in which they happened: an event follows the pass that it names."""
    keyed: list[tuple[tuple[int, int, int], BackwardPass | Event]] = [
        ((one.index, 0, 0), one) for one in trace.passes if not one.is_drawn_only
    ]
    keyed += [((event.pass_index, 1, event.order), event) for event in trace.events if event.kind in _LEDGER_EVENTS]
    return [moment for _, moment in sorted(keyed, key=lambda pair: pair[0])]


def _outermost(trace: Trace) -> dict[int, int]:
    """For every pass the outermost one during which it ran (reentrant checkpoint): a person sees one pass."""
    outermost: dict[int, int] = {}
    for one in sorted(trace.passes, key=lambda one: one.index):
        outermost[one.index] = outermost.get(one.parent, one.parent) if one.parent is not None else one.index
    return outermost


@dataclass(slots=True)
class _Window:
    """Passes that add up in the same `.grad`.

    `steps` holds (how many passes had been added, how many step() in a row with one pass between them).
    """

    first: int
    size: int
    repeats: int = 1
    steps: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Tally:
    """What one walk over a history counts."""

    passes: dict[int, None]
    windows: list[_Window]
    clearers: dict[Actor, None]
    steppers: dict[Actor, None]
    modifiers: dict[Actor, None]
    cleared_before: list[int]
    n_steps: int = 0
    n_modified: int = 0
    n_not_stored: int = 0
    n_seen: int = 0
    n_onto_zeros: int = 0
    n_onto_gradients: int = 0
    is_cleared: bool = False
    """Something has cleared `.grad` since the last pass that added to it."""
    n_cleared: int = 0
    """How many times in a row it did: before each of so many passes that follow and are counted as one."""


def _verdict(history: History, outermost: dict[int, int]) -> Verdict:
    tally = _Tally({}, [], {}, {}, {}, [])
    for entry in history.entries:
        if isinstance(entry, Event):
            _count_event(tally, entry)
        else:
            _count_pass(tally, entry, outermost)
    n_passes = sum(window.size * window.repeats for window in tally.windows)
    after_passes = {steps for window in tally.windows for steps in _intervals(window)}
    pattern, window = _pattern(tally, n_passes)
    return Verdict(
        pattern,
        tuple(tally.passes),
        n_passes,
        window,
        tuple(tally.cleared_before),
        cleared_after_last=tally.is_cleared and bool(tally.passes),
        clearers=tuple(tally.clearers),
        n_steps=tally.n_steps,
        steps_each=after_passes.pop() if len(after_passes) == 1 else None,
        steppers=tuple(tally.steppers),
        n_modified=tally.n_modified,
        modifiers=tuple(tally.modifiers),
        n_not_stored=tally.n_not_stored if pattern is Pattern.NOT_STORED else 0,
    )


def _count_event(tally: _Tally, event: Event) -> None:
    actor = Actor(event.call, event.location, event.set_to_none)
    if event.kind in CLEARING:
        tally.clearers[actor] = None
        tally.is_cleared = True
        tally.n_cleared = event.count
    elif event.kind == EventKind.STEP:
        tally.steppers[actor] = None
        tally.n_steps += event.count
        if tally.windows:
            tally.windows[-1].steps += ((tally.windows[-1].size, event.count),)
    else:
        tally.modifiers[actor] = None
        tally.n_modified += event.count


def _count_pass(tally: _Tally, entry: Contribution, outermost: dict[int, int]) -> None:
    backward, accumulation = entry.backward, entry.accumulation
    tally.n_seen += backward.count
    if accumulation.effect == Effect.NOT_STORED:
        tally.n_not_stored += backward.count
    if accumulation.effect not in STORED:
        return
    found_empty = accumulation.effect == Effect.CREATED or _is_onto_zeros(tally, accumulation)
    index = outermost.get(backward.index, backward.index)
    is_new = index not in tally.passes
    tally.passes[index] = None
    is_first = not tally.windows
    is_cleared = tally.is_cleared or (found_empty and not is_first)
    tally.is_cleared = False
    if is_cleared:
        tally.cleared_before.append(index)
    if is_first or is_cleared:
        repeats = backward.count if found_empty or tally.n_cleared >= backward.count else 1
        tally.windows.append(_Window(index, backward.count // repeats, repeats))
    elif is_new:
        tally.windows[-1].size += backward.count


def _is_onto_zeros(tally: _Tally, accumulation: Accumulation) -> bool:
    """Whether the pass added to a `.grad` that was all zeros.

    Passes that were not recorded in full do not tell. They do what the measured ones did: a change of the pattern
    would have been recorded.
    """
    if accumulation.before is None or accumulation.before.norm is None:
        return tally.n_onto_zeros > 0 and tally.n_onto_gradients == 0
    is_zeros = accumulation.before.norm == 0
    tally.n_onto_zeros += is_zeros
    tally.n_onto_gradients += not is_zeros
    return is_zeros


def _intervals(window: _Window) -> set[int]:
    """The numbers of passes before each step() in a window."""
    found, last = set(), 0
    for size, n_steps in window.steps:
        found.add(size - last)
        if n_steps > 1:
            found.add(1)
        last = size + n_steps - 1
    return found


def _pattern(tally: _Tally, n_passes: int) -> tuple[Pattern, int]:
    """The pattern, and how many passes add up in it before `.grad` is cleared."""
    if n_passes == 0:
        if tally.n_not_stored:
            return Pattern.NOT_STORED, 0
        return (Pattern.NOTHING if tally.n_seen else Pattern.ABSENT), 0
    if n_passes == 1:
        return Pattern.SINGLE, 1
    sizes = [window.size for window in tally.windows]
    if set(sizes) == {1}:
        return Pattern.ZEROED, 1
    if len(sizes) == 1:
        stepped_once_at_the_end = tally.windows[0].steps == ((n_passes, 1),)
        meant = stepped_once_at_the_end or tally.is_cleared
        return (Pattern.ACCUMULATES if meant else Pattern.NEVER_ZEROED), n_passes
    *full, last = sizes
    # A run that stops in the middle of an accumulation leaves a short last window; one full window alone is no pattern.
    is_regular = len(set(full)) == 1 and (last == full[0] or (len(full) > 1 and last < full[0]))
    return (Pattern.ACCUMULATES, full[0]) if is_regular else (Pattern.IRREGULAR, 0)


def _groups(histories: tuple[History, ...], verdicts: tuple[Verdict, ...]) -> tuple[LeafGroup, ...]:
    found: dict[tuple[int, tuple[int, ...], Verdict], list[Leaf]] = {}
    for history, verdict in zip(histories, verdicts, strict=True):
        leaf = history.leaf
        found.setdefault((leaf.process, leaf.optimizers, verdict), []).append(leaf)
    return tuple(
        LeafGroup(tuple(leaves), verdict, optimizers, process)
        for (process, optimizers, verdict), leaves in found.items()
    )
