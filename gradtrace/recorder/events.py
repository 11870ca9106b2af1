"""Writes what happens between passes, adjacent repetitions as one.

`for p in params: p.grad = None` is one event with all the leaves, not one for each. The latest event is held back
until something else follows, so that it can grow; it is written before a pass begins and when the program ends.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gradtrace.recorder.journal import Journal
from gradtrace.recorder.sites import Place


class CountedEvent(NamedTuple):
    """An event between passes that are only counted; `place` is the id of a location."""

    kind: str
    place: int | None
    set_to_none: bool | None
    optimizer: int | None
    call: str
    leaves: tuple[int, ...]

    def fields(self) -> dict[str, Any]:
        """The fields of its line."""
        return {
            "kind": self.kind,
            "leaves": self.leaves,
            "location": self.place,
            "set_to_none": self.set_to_none,
            "optimizer": self.optimizer,
            "call": self.call,
        }


class Events:
    """The ledger's events, in order."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._held: dict[str, Any] | None = None
        self.muted = 0
        """Above 0 while a wrapper writes the event itself (zero_grad and what it does inside)."""
        self.is_counting = False
        """Passes are only counted now: events are part of the pattern, not lines of their own."""
        self.pattern: list[CountedEvent] = []

    def add(
        self,
        kind: str,
        leaves: list[int],
        place: Place | None,
        *,
        call: str = "",
        set_to_none: bool | None = None,
        optimizer: int | None = None,
    ) -> None:
        """Note an event; leaves of an equal one just before it are joined."""
        if self.is_counting:
            self.count(kind, place, call=call, set_to_none=set_to_none, optimizer=optimizer)
            return
        record = {
            "t": "event",
            "kind": kind,
            "pass_index": self._journal.last_pass_index,
            "leaves": leaves,
            "location": self._journal.place(place),
            "set_to_none": set_to_none,
            "optimizer": optimizer,
            "call": call,
        }
        held = self._held
        if held is not None:
            same = all(held[key] == record[key] for key in record if key != "leaves")
            if (
                same
                and kind in ("grad_cleared", "grad_modified", "requires_grad")
                and not set(leaves) & set(held["leaves"])
            ):
                held["leaves"] = held["leaves"] + leaves
                return
            self.flush()
        self._held = record

    def count(
        self, kind: str, place: Place | None, *, call: str, set_to_none: bool | None, optimizer: int | None
    ) -> None:
        """Note an event of a pass that is only counted."""
        event = CountedEvent(kind, self._journal.place(place), set_to_none, optimizer, call, ())
        if not self.pattern or self.pattern[-1] != event:
            self.pattern.append(event)

    def note_unseen(self, kind: str, leaves: list[int], *, set_to_none: bool | None) -> None:
        """Note what the state of the leaves tells although nobody saw it happen."""
        self.pattern.append(CountedEvent(kind, None, set_to_none, None, "", tuple(leaves)))

    def flush(self) -> None:
        """Write the event that is held back."""
        if self._held is not None:
            held, self._held = self._held, None
            self._journal.write(held)
