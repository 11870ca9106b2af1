"""The passes that are not recorded in full: a cheap look at each, and a count of those that repeat.

What is looked at costs about a hundred nanoseconds a leaf: is the root finite, was `.grad` there before and is it
after, which events came between. As long as that pattern repeats, passes are counted, and what is known of them is
written anew after each, in place of what was written before: a run of days leaves a few hundred lines, and one that is
killed lacks no pass. When something that matters changes, the next pass is recorded in full.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from gradtrace.model.kinds import Effect, EventKind, ObservationKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.counted import Group, Pattern
from gradtrace.recorder.engine import Call
from gradtrace.recorder.events import EventLines, Events
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import LeafState, Leaves
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import is_readable

_SETTLED = 16
"""After so many counted passes the program has settled: a pattern that never occurred is news then."""
_MAX_KNOWN = 1_000
_MAX_CHANGES = 400
"""So often is a change of pattern written down; a longer run is then counted without distinguishing."""
_MAX_TRIPS = 3
_FEW = 16
"""So many leaves are looked at in each pass, once passes repeat."""
_PERIOD = 0.25
"""Seconds."""
_MAX_ALIVE = 8
_SAMPLE = 4096
_SHARE = 0.005
"""The share of a pass's time that may go into looking for non-finite gradients."""
_ALWAYS, _EACH = 32, 8
"""However short passes are, one gradient is looked at in each of the first, and later in one pass of so many."""


# Members of an enumeration take a call to look up, in Python 3.11.
_ZERO_GRAD, _STEP = EventKind.ZERO_GRAD, EventKind.STEP
_CREATED, _ACCUMULATED = Effect.CREATED, Effect.ACCUMULATED

_BAD_ROOT = "a root is not finite"
_BAD_GRADIENT = "a gradient is not finite"
_OBSERVED = {_BAD_ROOT: ObservationKind.ROOT_NOT_FINITE, _BAD_GRADIENT: ObservationKind.GRADIENT_NOT_FINITE}
"""What trips the watch, and the kind of observation that says so."""


class LedgerPass:
    """A pass that is only looked at: what some leaves had before (those that `Leaves.owned` names)."""

    __slots__ = ("before", "call", "deferred", "index", "references", "root", "started", "states")

    def __init__(self, call: Call, index: int, states: list[LeafState]) -> None:
        self.call = call
        self.index = index
        self.deferred: BaseException | None = None
        self.root: float | None = None
        """Its only root, if that is a number in the memory of the host."""
        self.states = states
        self.references = [state.reference for state in states]
        self.before = self.versions()
        self.started = time.perf_counter()

    def versions(self) -> list[int | None]:
        """For each leaf the version of its `.grad`; None where there is none, -1 where the leaf is gone."""
        return [
            -1 if (tensor := reference()) is None else None if (grad := tensor.grad) is None else grad._version
            for reference in self.references
        ]

    def forget_unmet(self) -> None:
        """Look no more at leaves that no pass is known to have met: another thread's engine may be at them."""
        kept = [at for at, state in enumerate(self.states) if state.thread is not None]
        self.states = [self.states[at] for at in kept]
        self.references = [self.references[at] for at in kept]
        self.before = [self.before[at] for at in kept]


class Watch:
    """Counts passes, and says when one should be looked at closely."""

    def __init__(self, journal: Journal, leaves: Leaves, events: Events) -> None:
        self._journal = journal
        self._leaves = leaves
        self._events_between = events
        self._group: Group | None = None
        self._known: set[Pattern] = set()
        self._n_counted = 0
        self._n_changes = 0
        self._trips: dict[str, int] = {}
        self._roots: deque[weakref.ref[Any]] = deque(maxlen=_MAX_ALIVE)
        self._device_flag: torch.Tensor | None = None
        self._cursor = 0
        self._head: tuple[str, ...] = ()
        """What is still to be written before the lines of the group."""
        self._written = 0.0
        self._states: list[LeafState] = []
        self._known_effects: dict[int, Effect | None] = {}
        self._seen: tuple[tuple[int, Effect], ...] = ()
        self._event_lines = EventLines()
        self._allowance = 0.0
        """Seconds that may go into looking at gradients: they grow with each pass, and are less than 0 after a look."""
        self._n_equal = 0
        """How many passes one after the other did the same to all leaves that were looked at."""
        self._turn = 0
        events.counted = self._write_if_due

    def begin(self, call: Call, index: int) -> LedgerPass:
        """Before the engine runs."""
        thread = threading.get_ident()
        with self._leaves.touching():
            states = self._to_look_at(thread)
            if not self._leaves.is_alone(thread):
                states = [state for state in states if state.thread is not None]
            begun = LedgerPass(call, index, states)
            if _ZERO_GRAD not in [event.kind for event in self._events_between.pattern]:
                self._note_changes(begun)
            return begun

    def _note_changes(self, begun: LedgerPass) -> None:
        """What the program did to `.grad` by itself since the last pass, found from the state alone."""
        gone, changed, grads = [], [], []
        for state, reference, version in zip(begun.states, begun.references, begun.before, strict=True):
            if not state.has_grad or version == state.version:
                continue
            if version is None:
                gone.append(state.id)
            elif version >= 0:
                tensor = reference()
                grad = None if tensor is None else tensor.grad
                if grad is not None and is_readable(grad):
                    changed.append(state.id)
                    grads.append(grad)
        if gone:
            self._events_between.note_unseen(EventKind.GRAD_CLEARED, gone, set_to_none=True)
        if changed:
            with torch.no_grad():
                is_zero = not bool(min(grads, key=torch.Tensor.numel).any())
            kind = EventKind.GRAD_CLEARED if is_zero else EventKind.GRAD_MODIFIED
            self._events_between.note_unseen(kind, changed, set_to_none=False if is_zero else None)

    def finish(self, done: LedgerPass, error: BaseException | None) -> str | None:
        """After the engine has run; returns why a closer look is due, or None."""
        spent = time.perf_counter() - done.started
        call = done.call
        done.root = _number(call.roots)
        effects = self._effects(done)
        with self._events_between.lock:  # passes of several threads may end together
            pattern = Pattern(
                call.name,
                self._journal.place(call.place),
                call.retain_graph,
                call.create_graph,
                call.thread,
                None if error is None else type(error).__name__,
                tuple(self._events_between.pattern),
                effects,
            )
            self._events_between.pattern.clear()
            is_news = self._count(pattern, done.index, done.root)
        reason = (
            self._non_finite(done, spent)
            or ("the pattern of the passes changed" if is_news else None)
            or self._old_graphs(call)
        )
        if error is not None:
            return None
        return self._trip(reason)

    def _to_look_at(self, thread: int) -> list[LeafState]:
        """All leaves, until the passes repeat; from then on some of them, in turn: each within a few passes."""
        states = self._leaves.owned(thread)
        n_leaves = len(states)
        if n_leaves <= _FEW or states is not self._states or self._n_equal < _SETTLED:
            self._states = states
            return states
        first = self._turn = (self._turn + _FEW) % n_leaves
        return states[first : first + _FEW] or states[:_FEW]

    def _effects(self, done: LedgerPass) -> tuple[tuple[int, Effect], ...]:
        """What the pass did to each leaf.

        Of a leaf that was not looked at it is taken to be what it was the last time; where one that was looked
        at differs, all are looked at from the next pass on.
        """
        thread = threading.get_ident()
        with self._leaves.touching():
            if not self._leaves.is_alone(thread):
                done.forget_unmet()
            after = done.versions()
        effects = [
            None if version is None else _CREATED if before is None else _ACCUMULATED if version != before else None
            for before, version in zip(done.before, after, strict=True)
        ]
        taken: set[int] | None = None  # where the `.grad` of the leaves lie that passes have met
        for at, (state, version) in enumerate(zip(done.states, after, strict=True)):
            state.has_grad = version is not None
            if version is not None:
                state.version = version
                if state.thread is None and effects[at] is not None:
                    if taken is None:
                        taken = {_place_of_grad(one) for one in done.states if one.thread is not None} - {0}
                    if _place_of_grad(state) in taken:
                        effects[at] = None  # the program gave both leaves one tensor, and the pass met the other one
                    else:
                        self._leaves.meet(state, thread)
        known = self._known_effects
        is_equal = effects == [known.get(state.id) for state in done.states]
        self._n_equal = self._n_equal + 1 if is_equal else 0
        if done.states is self._states and not (is_equal and len(effects) == len(known)):
            self._known_effects = {state.id: effect for state, effect in zip(done.states, effects, strict=True)}
            self._seen = tuple((number, effect) for number, effect in self._known_effects.items() if effect is not None)
        return self._seen

    def _count(self, pattern: Pattern, index: int, root: float | None) -> bool:
        """Count a pass; True when nothing like it has been seen although the program had settled."""
        group = self._group
        is_news = False
        if group is None or pattern != group.pattern:
            is_news = pattern not in self._known and self._n_counted >= _SETTLED
            if len(self._known) < _MAX_KNOWN:
                self._known.add(pattern)
        self._n_counted += 1
        is_another = group is None or pattern != group.pattern or index != group.following
        if group is None or (is_another and self._n_changes < _MAX_CHANGES):
            self._n_changes += 1
            group = self._begin_group(pattern, index)
        elif self._n_changes >= _MAX_CHANGES and group.pattern.effects:
            # From here on passes are counted together, whatever their pattern.
            together = group.pattern._replace(events=(), effects=(), place=None)
            group = self._begin_group(together, max(index, group.following))
        elif not self._journal.is_tail_of(group):  # events that were no part of a pattern stand behind it
            group = self._begin_group(group.pattern, max(index, group.following))
        group.add(pattern.events, root if root is not None and math.isfinite(root) else None)
        self.write()
        return is_news

    def _begin_group(self, pattern: Pattern, index: int) -> Group:
        if self._group is not None and self._journal.is_tail_of(self._group):
            self.write()  # without the events that followed: they belong to the pass that begins this group
        elif self._journal.is_tail_of(self):
            self._journal.set_tail(self, ())
        self._group = Group(pattern, index)
        self._head = self._group.head
        return self._group

    def after_fork(self) -> None:
        """Nothing has been counted in the child."""
        self.__init__(self._journal, self._leaves, self._events_between)  # type: ignore[misc]

    def write(self) -> None:
        """Write down what has been counted, and the events that followed the last pass, in place of the last time."""
        with self._events_between.lock:
            if self._group is not None and not self._head and not self._journal.is_tail_of(self._group):
                self._group = None  # something stands behind it: it stays as it is, and the next pass begins another
            lines = [] if self._group is None else self._group.lines()
            index = self._journal.last_pass_index
            if self._events_between.pattern:
                lines = [*lines, *[self._event_lines.of(event, index) for event in self._events_between.pattern]]
            head, self._head = self._head, ()
            self._journal.set_tail(self._group or self, lines, head)
            self._written = time.monotonic()

    def _write_if_due(self, kind: EventKind) -> None:
        """Between passes: a step is in the file at once, other events within a fraction of a second or a pass."""
        if kind is _STEP or self._n_counted <= _SETTLED or time.monotonic() - self._written > _PERIOD:
            self.write()

    def pause(self) -> None:
        """Passes are recorded in full for a while: what was counted stays, and is counted afresh afterwards."""
        with self._events_between.lock:
            if self._events_between.pattern:
                self.write()
            self._events_between.pattern.clear()
            self._journal.seal()
            self._group = None

    def is_first_bad(self, call: Call) -> bool:
        """Whether the pass that begins is the first whose root is not finite: what its graph holds is there now."""
        if self._trips.get(_BAD_ROOT):
            return False
        with torch.no_grad():
            is_bad = any(
                type(root) in torch_facts.PLAIN_TYPES
                and is_readable(root)
                and root.numel() == 1
                and root.device.type == "cpu"
                and not _is_finite(root.item())
                for root in call.roots
            )
        if is_bad:
            self._trips[_BAD_ROOT] = 1
        return is_bad

    def _non_finite(self, done: LedgerPass, spent: float) -> str | None:
        if done.root is None:
            if self._has_bad_root(done.call.roots):
                return _BAD_ROOT
        elif not math.isfinite(done.root):
            return _BAD_ROOT
        self._allowance = min(self._allowance, 0.0) + _SHARE * spent
        is_due = self._n_counted <= _ALWAYS or not self._n_counted % _EACH
        return self._sample(done, is_due=is_due) if is_due or self._allowance > 0.0 else None

    def _has_bad_root(self, roots: Sequence[Any]) -> bool:
        """Whether a root of a pass is not finite; of one on a device, whether that of the pass before was not."""
        with torch.no_grad():
            for root in roots:
                if type(root) in torch_facts.PLAIN_TYPES and is_readable(root) and root.numel() == 1:
                    if root.device.type != "cpu":
                        late = self._device_flag
                        self._device_flag = torch.isfinite(root.detach())
                        if late is not None and not bool(late):
                            return True
                    elif not _is_finite(root.item()):
                        return True
        return False

    @torch.no_grad()
    def _sample(self, done: LedgerPass, *, is_due: bool) -> str | None:
        """Look through some gradients, in turn, for as long as is allowed, and if it is due at one at least."""
        n_leaves = len(done.references)
        began = time.perf_counter()
        for _ in range(n_leaves):
            if self._allowance <= 0.0 and not is_due:
                break
            is_due = False
            at = self._cursor % n_leaves
            tensor = None if done.states[at].thread is None else done.references[at]()
            self._cursor += 1
            grad = None if tensor is None else tensor.grad
            if grad is not None and is_readable(grad) and grad.is_cpu and grad.layout is torch.strided:
                # A sum tells of any NaN. Of a large tensor a part must do: gradients that break do so everywhere.
                part = (
                    grad
                    if grad.numel() <= _SAMPLE
                    else grad.reshape(-1)[:_SAMPLE]
                    if grad.is_contiguous()
                    else grad[:1]
                )
                if not _is_finite(part.sum().item()):
                    return _BAD_GRADIENT
            now = time.perf_counter()
            self._allowance -= now - began
            began = now
        return None

    def _old_graphs(self, call: Call) -> str | None:
        for root in call.roots:
            if is_tensor(root) and torch_facts.grad_fn(root) is not None:
                known = self._roots
                are_all_alive = len(known) == _MAX_ALIVE and all(reference() is not None for reference in known)
                known.append(weakref.ref(root))
                return "graphs of earlier passes stay alive" if are_all_alive else None
        return None

    def _trip(self, reason: str | None) -> str | None:
        if reason is None:
            return None
        times = self._trips.get(reason, 0)
        limit = _MAX_TRIPS if reason.startswith("the pattern") else 1
        if times >= limit:
            return None
        self._trips[reason] = times + 1
        kind = _OBSERVED.get(reason)
        if kind is not None:
            text = f"in pass {self._journal.last_pass_index}"
            self._journal.write({"t": "observation", "kind": kind, "count": 1, "location": None, "text": text})
        return reason


def _number(roots: Sequence[Any]) -> float | None:
    """The only root of a pass, if it is a number in the memory of the host: read anyway, to see if it is finite."""
    if len(roots) != 1 or type(roots[0]) not in torch_facts.PLAIN_TYPES:
        return None
    root: torch.Tensor = roots[0]
    if not is_readable(root) or root.numel() != 1 or not root.is_cpu:
        return None
    value = root.item()
    return value if type(value) is float else None


def _is_finite(number: complex) -> bool:
    return math.isfinite(number.real) and math.isfinite(number.imag)


def _place_of_grad(state: LeafState) -> int:
    """The address of the memory of a leaf's `.grad`; 0 where there is none."""
    tensor = state.reference()
    grad = None if tensor is None else tensor.grad
    return 0 if grad is None else torch_facts.storage_pointer(grad)
