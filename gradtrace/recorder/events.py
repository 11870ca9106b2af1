"""Writes what happens between passes, adjacent repetitions as one.

`for p in params: p.grad = None` is one event with all the leaves, not one for each. The latest event can grow until
something else follows; what it is so far stands at the end of the stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from gradtrace.model.kinds import EventKind
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.sites import Place
from gradtrace.recorder.stream import encode

_MAX_KNOWN = 1_000
_JOINED = frozenset({EventKind.GRAD_CLEARED, EventKind.GRAD_MODIFIED, EventKind.REQUIRES_GRAD})
"""Kinds of events that a loop over parameters makes one by one."""


class Measured(Protocol):
    """What was measured of one leaf at an event."""

    def settle(self) -> None:
        """Fetch what still lies on a device."""

    def row(self) -> list[Any]:
        """As a row of the event's line."""


class PlainEvent(NamedTuple):
    """An event without what was measured; `place` is the id of a location."""

    kind: EventKind
    place: int | None
    set_to_none: bool | None
    optimizer: int | None
    call: str
    leaves: tuple[int, ...]
    facts: tuple[tuple[str, bool | str], ...] = ()

    def fields(self) -> dict[str, Any]:
        """The fields of its line that say something."""
        fields = {
            "kind": self.kind,
            "leaves": self.leaves or None,
            "location": self.place,
            "set_to_none": self.set_to_none,
            "optimizer": self.optimizer,
            "call": self.call or None,
            **dict(self.facts),
        }
        return {name: value for name, value in fields.items() if value is not None}


class EventLines:
    """The lines of events: the same few again and again, each time after another pass."""

    def __init__(self) -> None:
        self._known: dict[PlainEvent, str] = {}
        """Up to the pass."""

    def of(self, event: PlainEvent, index: int) -> str:
        """The line of an event after this pass."""
        line = self._known.get(event)
        if line is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            line = self._known[event] = f'{encode({"t": "event", **event.fields()})[:-1]},"pass_index":'
        return f"{line}{index}}}"


class Events:
    """The ledger's events, in order."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.lock = threading.RLock()
        """Held while events, or what has been counted, is changed and written."""
        self._lines = EventLines()
        self._held: dict[str, Any] | None = None
        self._held_writes: list[Measured] = []
        """What was measured at the event that is held back."""
        self._n_written = 0
        """Leaves of the event that is held back which the file names already."""
        self._muted: dict[int, int] = {}
        """Threads on which a wrapper writes the event itself (zero_grad and what it does inside), and how deep."""
        self.is_counting = False
        """Passes are only counted now: events are part of the pattern, not lines of their own."""
        self.pattern: list[PlainEvent] = []
        self.counted: Callable[[EventKind], None] = lambda _: None
        """Called when the pattern has grown."""

    def is_muted(self) -> bool:
        """Whether what this thread does now is recorded as one event for the whole."""
        return threading.get_ident() in self._muted

    def mute(self) -> None:
        """What follows on this thread is recorded as one event for the whole."""
        thread = threading.get_ident()
        self._muted[thread] = self._muted.get(thread, 0) + 1

    def unmute(self) -> None:
        """The whole is over."""
        thread = threading.get_ident()
        depth = self._muted.get(thread, 0) - 1
        if depth > 0:
            self._muted[thread] = depth
        else:
            self._muted.pop(thread, None)

    def add(
        self,
        kind: EventKind,
        leaves: list[int],
        place: Place | None,
        *,
        call: str = "",
        set_to_none: bool | None = None,
        optimizer: int | None = None,
        writes: Sequence[Measured] = (),
        **facts: bool | str,
    ) -> None:
        """Note an event; leaves of an equal one just before it are joined. `facts` are fields that few kinds have."""
        with self.lock:
            if self.is_counting:
                self.count(kind, place, call=call, set_to_none=set_to_none, optimizer=optimizer, facts=facts)
                return
            self._add(kind, leaves, place, writes, call=call, set_to_none=set_to_none, optimizer=optimizer, facts=facts)

    def _add(
        self,
        kind: EventKind,
        leaves: list[int],
        place: Place | None,
        writes: Sequence[Measured],
        *,
        call: str,
        set_to_none: bool | None,
        optimizer: int | None,
        facts: Mapping[str, bool | str],
    ) -> None:
        number = self._journal.place(place)
        if kind not in _JOINED and not writes:
            self.flush()
            event = PlainEvent(kind, number, set_to_none, optimizer, call, tuple(leaves), tuple(facts.items()))
            self._journal.write_encoded(self._lines.of(event, self._journal.last_pass_index))
            return
        record = {
            "t": "event",
            "kind": kind,
            "pass_index": self._journal.last_pass_index,
            "leaves": leaves,
            "location": number,
            "set_to_none": set_to_none,
            "optimizer": optimizer,
            "call": call,
            **facts,
        }
        held = self._held
        if held is not None:
            is_same = {**held, "leaves": leaves} == record
            if is_same and kind in _JOINED and not set(leaves) & set(held["leaves"]):
                held["leaves"] = held["leaves"] + leaves
                self._held_writes += writes
                if len(held["leaves"]) >= 2 * self._n_written:
                    self._write_held(held)
                return
            self.flush()
        self._held, self._held_writes = record, list(writes)
        self._write_held(record)

    @contextmanager
    def as_lines(self) -> Iterator[None]:
        """What is noted meanwhile is an event of its own, also where others are counted; no pass runs."""
        with self.lock:
            was_counting, self.is_counting = self.is_counting, False
            try:
                yield
                self.flush()
            finally:
                self.is_counting = was_counting

    def count(
        self,
        kind: EventKind,
        place: Place | None,
        *,
        call: str,
        set_to_none: bool | None,
        optimizer: int | None,
        facts: Mapping[str, bool | str],
    ) -> None:
        """Note an event of a pass that is only counted."""
        event = PlainEvent(kind, self._journal.place(place), set_to_none, optimizer, call, (), tuple(facts.items()))
        pattern = self.pattern
        if not pattern or pattern[-1] != event:
            pattern.append(event)
            self.counted(kind)

    def note_unseen(self, kind: EventKind, leaves: list[int], *, set_to_none: bool | None) -> None:
        """Note what the state of the leaves tells although nobody saw it happen."""
        self.pattern.append(PlainEvent(kind, None, set_to_none, None, "", tuple(leaves)))

    def flush(self) -> None:
        """The event that is held back has its final form."""
        with self.lock:
            if self._held is not None:
                held, self._held = self._held, None
                for one in self._held_writes:
                    one.settle()
                self._write_held(held)
                self._held_writes = []
                self._journal.seal()

    def _write_held(self, held: dict[str, Any]) -> None:
        """Write the event as it is so far, for the case that the process ends here."""
        self._n_written = len(held["leaves"])
        writes = [one.row() for one in self._held_writes]
        line = {name: value for name, value in held.items() if value is not None}
        self._journal.set_tail(held, [encode({**line, "writes": writes} if writes else line)])

    def begin_pass(self, index: int, place: Place | None, call: str) -> None:
        """A pass begins: what came before it is written, and then the pass itself."""
        with self.lock:
            self.flush()
            self._journal.last_pass_index = index
            self.add(EventKind.BACKWARD, [], place, call=call)
            self.flush()

    def after_fork(self) -> None:
        """The stream is a new one."""
        self.lock = threading.RLock()
        self._held = None
        self._held_writes = []
        self._muted.clear()
        self.pattern.clear()
