"""The history of every leaf's `.grad`: what each pass added, what cleared, changed and read it, and its pattern."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gradtrace.analysis.by_value import by_value, concerned, found_empty, owners
from gradtrace.analysis.fan_in import is_put_there
from gradtrace.analysis.leaf_order import natural
from gradtrace.analysis.moments import moments
from gradtrace.analysis.once import once
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

__all__ = ["History", "LeafGroup", "Ledger", "Pattern", "Verdict", "ledger"]

_SEVERAL = 2
"""So many passes add up at least."""

_CLIPPING = "clip_grad"
"""What such a function does shows in the norm."""

_LEDGER_EVENTS = CLEARING | {EventKind.GRAD_MODIFIED, EventKind.STEP}


class Pattern(StrEnum):
    """What a leaf's history amounts to."""

    ABSENT = "absent"
    """No pass knew the leaf."""
    NOTHING = "nothing arrived"
    """It was part of a pass, and no pass sent it anything."""
    FROM_OTHERS = "from other ranks"
    """No pass of its rank sent it anything, and what other ranks added came into its `.grad`."""
    PUT_THERE = "put there"
    """No pass sent it anything, and a gradient was put into its `.grad` while one ran: by what shards the model."""
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
        steps_each: how many passes there are from one step() to the next when that is always the same; else None.
        step_after: after which of the passes that add up step() runs, when there is one and it is always that; else
            None.
        steppers: who ran step(), each once, in order.
        n_modified: how often something else changed it (clipping, scaling, assignment).
        modifiers: who changed it, each once, in order.
        n_not_stored: how many passes returned its gradient, where none ever stored it.
        places: where the passes were started that add up, each line once.
        is_split: passes that add up are alike: from one line, to the same leaves, and no optimizer steps in between.
        since: the pass in which it was first seen, where others before were only counted; else None.
        is_never_stepped: an optimizer holds it, several passes added to it, and none that holds it ever stepped.
        n_zero_rates: in how many of the steps that were looked at the learning rate of its group was 0, where it was
            so in each of them.
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
    step_after: int | None = None
    steppers: tuple[Actor, ...] = ()
    n_modified: int = 0
    modifiers: tuple[Actor, ...] = ()
    n_not_stored: int = 0
    places: tuple[Location, ...] = ()
    is_split: bool = False
    since: int | None = None
    is_never_stepped: bool = False
    n_zero_rates: int = 0

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
    """All histories (`histories[i].leaf.id == i`), their verdicts in the same order, and the groups that share one.

    `events` are those of the run as the measured values tell them.
    """

    histories: tuple[History, ...]
    verdicts: tuple[Verdict, ...]
    groups: tuple[LeafGroup, ...]
    events: tuple[Event, ...]
    n_passes: int
    n_full: int


@once
def ledger(trace: Trace) -> Ledger:
    """Order all that happened to the leaves of a run and judge it."""
    trace = by_value(trace)
    entries: list[list[Contribution | Event]] = [[] for _ in trace.leaves]
    for moment in moments(trace, _LEDGER_EVENTS):
        if isinstance(moment, BackwardPass):
            for accumulation in moment.accumulations:
                entries[accumulation.leaf].append(Contribution(moment, accumulation))
        else:
            for leaf in concerned(trace, moment):
                entries[leaf].append(moment)
    histories = tuple(History(leaf, tuple(own)) for leaf, own in zip(trace.leaves, entries, strict=True))
    around = _Around(trace)
    verdicts = tuple(_verdict(history, around) for history in histories)
    ordered = sorted(zip(histories, verdicts, strict=True), key=lambda pair: natural(pair[0].leaf))
    ran = [one for one in trace.passes if not one.is_drawn_only]
    return Ledger(
        histories,
        verdicts,
        _groups(ordered, owners(trace)),
        trace.events,
        n_passes=sum(one.count for one in ran),
        n_full=sum(one.recorded == Recorded.FULL for one in ran),
    )


class _Around:
    """What a leaf's own history does not tell of its passes.

    Attributes:
        outermost: for every pass the one during which it ran (reentrant checkpoint): a person sees one pass.
        stepped: passes after which some optimizer stepped, before the next pass.
        first_counted: by process, the first pass that was not recorded in full.
        in_graphs: leaves that are part of the graph of a pass, asked for or not.
    """

    def __init__(self, trace: Trace) -> None:
        self.outermost: dict[int, int] = {}
        self.first_counted: dict[int, int] = {}
        for one in sorted(trace.passes, key=lambda one: one.index):
            self.outermost[one.index] = (
                self.outermost.get(one.parent, one.parent) if one.parent is not None else one.index
            )
            if one.recorded != Recorded.FULL:
                self.first_counted.setdefault(one.process, one.index)
        self.stepped = frozenset(event.pass_index for event in trace.events if event.kind == EventKind.STEP)
        graphs = (one.graph for one in trace.passes if one.graph is not None and not one.is_drawn_only)
        self.in_graphs = frozenset(node.leaf for graph in graphs for node in graph.nodes if node.leaf is not None)
        self._kinds: dict[int, tuple[object, ...]] = {}
        self._owners = owners(trace)
        self._stepping = {event.optimizer for event in trace.events if event.kind == EventKind.STEP}
        self._stepping |= {step.optimizer for step in trace.steps}
        rates: dict[int, list[bool]] = {}
        for step in trace.steps:
            for change in step.changes:
                lr = step.groups[change.group].rate("lr") if change.group < len(step.groups) else None
                rates.setdefault(change.leaf, []).append(lr == 0 and lr is not None)
        self.zero_rates = {leaf: len(seen) for leaf, seen in rates.items() if all(seen)}
        """By leaf: in how many steps the learning rate was 0, where it was so in all that were looked at."""

    def kind(self, one: BackwardPass) -> tuple[object, ...]:
        """The line that started a pass, and the leaves to which it added."""
        if one.index not in self._kinds:
            line = one.location.source_line if one.location is not None else ()
            leaves = frozenset(row.leaf for row in one.accumulations if row.effect in STORED)
            self._kinds[one.index] = (*line, leaves)
        return self._kinds[one.index]

    def is_never_stepped(self, leaf: Leaf) -> bool:
        """Whether optimizers hold it, and none of them ever steps."""
        held = self._owners[leaf.id]
        return bool(held) and self._stepping.isdisjoint(held)

    def since(self, history: History) -> int | None:
        """The pass in which a leaf was first seen, if passes before it were only counted: it may be older."""
        first = next(iter(history.entries), None)
        counted = self.first_counted.get(history.leaf.process)
        if first is None or counted is None:
            return None
        index = first.pass_index if isinstance(first, Event) else first.backward.index
        if index <= counted:
            return None
        added = next((one.backward.index for one in history.contributions), index)
        return max(index, added)


@dataclass(slots=True)
class _Window:
    """Passes that add up in the same `.grad`.

    Attributes:
        first: the index of the first.
        last: the one that was added last.
        size: how many they are.
        repeats: how often in a row so many of them added up.
        steps: after which of them step() ran.
        is_split: they are alike, and no optimizer stepped between them.
    """

    first: int
    last: BackwardPass
    size: int
    repeats: int = 1
    steps: tuple[int, ...] = ()
    is_split: bool = True


@dataclass(slots=True)
class _Tally:
    """What one walk over a history counts."""

    passes: dict[int, None] = field(default_factory=dict)
    windows: list[_Window] = field(default_factory=list)
    clearers: dict[Actor, None] = field(default_factory=dict)
    steppers: dict[Actor, None] = field(default_factory=dict)
    modifiers: dict[Actor, None] = field(default_factory=dict)
    places: dict[tuple[str, int], Location] = field(default_factory=dict)
    cleared_before: list[int] = field(default_factory=list)
    n_steps: int = 0
    n_modified: int = 0
    n_not_stored: int = 0
    n_seen: int = 0
    n_onto_nothing: int = 0
    n_onto_gradients: int = 0
    is_cleared: bool = False
    """Something has cleared `.grad` since the last pass that added to it."""
    is_none: bool = False
    """And left None there."""
    n_cleared: int = 0
    """How many times in a row it did: before each of so many passes that follow and are counted as one."""
    n_unread: int = 0
    """Passes since the last step()."""
    gaps: list[int | None] = field(default_factory=list)
    """How many passes before each step() no step had read; None where that is not known."""
    n_counted_steps: int = 0
    """So many step() are among the counted passes that follow."""


def _verdict(history: History, around: _Around) -> Verdict:
    tally = _Tally()
    idle = _idle(history)
    for entry in history.entries:
        if isinstance(entry, Event):
            if (entry.call, entry.location) not in idle:
                _count_event(tally, entry)
        else:
            _count_pass(tally, entry, around)
    if tally.n_counted_steps:
        tally.gaps.append(None)
    n_passes = sum(window.size * window.repeats for window in tally.windows)
    pattern, window = _pattern(tally, n_passes)
    if pattern is Pattern.ABSENT and history.leaf.id in around.in_graphs:
        pattern = Pattern.NOTHING
    if pattern is Pattern.NOTHING and any(entry.accumulation.reduced for entry in history.contributions):
        pattern = Pattern.FROM_OTHERS
    elif pattern is Pattern.NOTHING and any(is_put_there(entry.accumulation) for entry in history.contributions):
        pattern = Pattern.PUT_THERE
    return Verdict(
        pattern,
        tuple(tally.passes),
        n_passes,
        window,
        tuple(tally.cleared_before),
        cleared_after_last=tally.is_cleared and bool(tally.passes),
        clearers=tuple(tally.clearers),
        n_steps=tally.n_steps,
        steps_each=_steps_each(tally),
        step_after=_step_after(tally, window),
        steppers=tuple(tally.steppers),
        n_modified=tally.n_modified,
        modifiers=tuple(tally.modifiers),
        n_not_stored=tally.n_not_stored if pattern is Pattern.NOT_STORED else 0,
        places=tuple(tally.places.values()) if window >= _SEVERAL else (),
        is_split=window >= _SEVERAL and all(one.is_split for one in tally.windows),
        since=around.since(history),
        is_never_stepped=n_passes >= _SEVERAL and around.is_never_stepped(history.leaf),
        n_zero_rates=around.zero_rates.get(history.leaf.id, 0) if tally.n_steps else 0,
    )


def _idle(history: History) -> set[tuple[str, Location | None]]:
    """Clippings that left the leaf's gradient as it was whenever that was measured."""
    changed: dict[tuple[str, Location | None], bool] = {}
    for entry in history.entries:
        if isinstance(entry, Event) and entry.kind == EventKind.GRAD_MODIFIED and entry.call.startswith(_CLIPPING):
            for write in entry.writes:
                if write.leaf == history.leaf.id:
                    act = (entry.call, entry.location)
                    changed[act] = changed.get(act, False) or not write.stays
    return {act for act, has_changed in changed.items() if not has_changed}


def _count_event(tally: _Tally, event: Event) -> None:
    actor = Actor(event.call, event.location, event.set_to_none)
    if event.kind in CLEARING:
        tally.clearers[actor] = None
        tally.is_cleared = True
        tally.is_none = event.set_to_none is not False
        tally.n_cleared = event.count
    elif event.kind == EventKind.STEP:
        if not event.leaves and (tally.is_none or not tally.windows):
            return  # only the optimizer is known, and of this leaf there was nothing to read
        tally.steppers[actor] = None
        tally.n_steps += event.count
        if event.count > 1:  # of passes that are counted together, and are told next
            tally.n_counted_steps = event.count
        elif tally.windows:
            tally.gaps.append(tally.n_unread)
            tally.n_unread = 0
            tally.windows[-1].steps += (tally.windows[-1].size,)
    else:
        tally.modifiers[actor] = None
        tally.n_modified += event.count


def _count_pass(tally: _Tally, entry: Contribution, around: _Around) -> None:
    backward, accumulation = entry.backward, entry.accumulation
    tally.n_seen += backward.count
    if accumulation.effect == Effect.NOT_STORED:
        tally.n_not_stored += backward.count
    if accumulation.effect not in STORED:
        return
    index = around.outermost.get(backward.index, backward.index)
    is_new = index not in tally.passes
    tally.passes[index] = None
    is_first = not tally.windows
    is_onto_nothing = _is_onto_nothing(tally, backward, accumulation)
    is_cleared = tally.is_cleared or (is_onto_nothing and not is_first)
    tally.is_cleared = tally.is_none = False
    if is_cleared:
        tally.cleared_before.append(index)
    if is_first or is_cleared:
        each = is_onto_nothing or accumulation.effect == Effect.CREATED or tally.n_cleared >= backward.count
        repeats = backward.count if each else 1
        tally.windows.append(_Window(index, backward, backward.count // repeats, repeats))
    elif is_new:
        window = tally.windows[-1]
        window.size += backward.count
        window.is_split &= around.kind(window.last) == around.kind(backward) and window.last.index not in around.stepped
        window.last = backward
    if is_new:
        _count_unread(tally, backward)
    if backward.location is not None:
        tally.places.setdefault(backward.location.source_line, backward.location)


def _count_unread(tally: _Tally, backward: BackwardPass) -> None:
    """Note that step() has not read the pass yet, or which of the passes counted with it one has."""
    if not tally.n_counted_steps:
        tally.n_unread += backward.count
        return
    if tally.n_counted_steps == backward.count:  # step() once before each of them
        tally.gaps += [tally.n_unread, 1] if len(tally.windows) > 1 or tally.windows[-1].size > 1 else [1]
        tally.n_unread = 1
        if tally.windows[-1].repeats > 1:
            tally.windows[-1].steps += (1,)
    else:
        tally.gaps.append(None)
        tally.n_unread = 0
    tally.n_counted_steps = 0


def _is_onto_nothing(tally: _Tally, backward: BackwardPass, accumulation: Accumulation) -> bool:
    """Whether passes that are only counted added to a `.grad` that was cleared before.

    They do not tell. They do what the measured ones did: a change of the pattern would have been recorded.
    """
    is_empty = found_empty(backward, accumulation)
    if is_empty is None:
        return tally.n_onto_nothing > 0 and tally.n_onto_gradients == 0
    tally.n_onto_nothing += is_empty and tally.is_cleared and accumulation.effect == Effect.ACCUMULATED
    tally.n_onto_gradients += not is_empty
    return False


def _steps_each(tally: _Tally) -> int | None:
    """How many passes each step() follows: the same number each time, and none is left over but a beginning."""
    if not tally.gaps or None in tally.gaps:
        return None
    first, *later = (gap or 0 for gap in tally.gaps)
    each = later[0] if later else first
    is_regular = 0 < first <= each and all(gap == each for gap in later) and tally.n_unread < each
    return each if is_regular else None


def _step_after(tally: _Tally, window: int) -> int | None:
    """After which of the passes that add up step() runs; a last window that is not full yet may lack it."""
    if window < _SEVERAL or None in tally.gaps:
        return None
    *full, last = (one.steps for one in tally.windows) if tally.windows else ((),)
    found = set(full) if full else {last}
    is_one = len(found) == 1 and len(next(iter(found))) == 1
    if not is_one or last not in {(), *found} or (not last and tally.windows[-1].size >= window):
        return None
    return next(iter(found))[0]


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
        stepped_once_at_the_end = tally.windows[0].steps == (n_passes,) and tally.n_steps == 1
        meant = stepped_once_at_the_end or tally.is_cleared
        return (Pattern.ACCUMULATES if meant else Pattern.NEVER_ZEROED), n_passes
    *full, last = sizes
    # A run that stops in the middle of an accumulation leaves a short last window; one full window alone is no pattern.
    is_regular = len(set(full)) == 1 and (last == full[0] or (len(full) > 1 and last < full[0]))
    return (Pattern.ACCUMULATES, full[0]) if is_regular else (Pattern.IRREGULAR, 0)


def _groups(ordered: Sequence[tuple[History, Verdict]], held: tuple[tuple[int, ...], ...]) -> tuple[LeafGroup, ...]:
    found: dict[tuple[int, tuple[int, ...], Verdict], list[Leaf]] = {}
    for history, verdict in ordered:
        leaf = history.leaf
        found.setdefault((leaf.process, held[leaf.id], verdict), []).append(leaf)
    return tuple(
        LeafGroup(tuple(leaves), verdict, optimizers, process)
        for (process, optimizers, verdict), leaves in found.items()
    )
