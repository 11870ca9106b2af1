"""Passes of one pattern that follow each other, counted together and written as if they were one."""

from __future__ import annotations

from typing import Any, NamedTuple

from gradtrace.model.kinds import Effect, EventKind, PassCall, Recorded
from gradtrace.recorder.events import PlainEvent
from gradtrace.recorder.stream import encode


class Pattern(NamedTuple):
    """What repeats from pass to pass: the call, the events before it, and what it did to which leaf."""

    name: PassCall
    place: int | None
    retain_graph: bool
    create_graph: bool
    thread: int
    error: str | None
    events: tuple[PlainEvent, ...]
    effects: tuple[tuple[int, Effect], ...]


class Group:
    """A pattern, the pass with which it began, and how often it has come.

    What is the same for all its passes is written once, in `head`; `lines` are the few that grow.
    """

    def __init__(self, pattern: Pattern, first: int) -> None:
        self.pattern = pattern
        self._n_passes = 0
        self._last_value: float | None = None
        self._events: dict[PlainEvent, int] = {}
        self._event_lines: dict[PlainEvent, str] = {}
        """Up to the count."""
        self._lines: list[str] = []
        """What `lines` returned last, if nothing has been added since."""
        self._before_pass = first - 1
        event = {"kind": EventKind.BACKWARD, "pass_index": first, "location": pattern.place, "call": pattern.name}
        flags = {
            "retain_graph": pattern.retain_graph,
            "create_graph": pattern.create_graph,
            "recorded": Recorded.LEDGER,
        }
        where = {"location": pattern.place, "thread": pattern.thread}
        rows = [[number, None, None, None, effect] for number, effect in pattern.effects]
        error = None if pattern.error is None else [pattern.error, ""]
        self.head = (
            encode({"t": "pass", "index": first, "call": pattern.name, "roots": [], **flags, **where}),
            encode({"t": "accumulations", "index": first, "rows": rows}),
        )
        self._call = _up_to_count({"t": "event", **event})
        self._end = _up_to_count({"t": "pass_end", "index": first, "error": error})

    @property
    def following(self) -> int:
        """The number of the pass that comes after these: of passes on several threads another may end first."""
        return self._before_pass + 1 + self._n_passes

    def add(self, events: tuple[PlainEvent, ...], value: float | None = None) -> None:
        """One pass more, the events before it, and its root, where that is one finite number."""
        self._n_passes += 1
        self._last_value = value
        self._lines = []
        for event in events:
            self._events[event] = self._events.get(event, 0) + 1

    def lines(self) -> list[str]:
        """What is known of these passes, besides the head."""
        if self._lines:
            return self._lines
        lines = []
        for event, times in self._events.items():
            line = self._event_lines.get(event)
            if line is None:
                line = _up_to_count({"t": "event", "pass_index": self._before_pass, **event.fields()})
                self._event_lines[event] = line
            lines.append(f"{line}{times}}}")
        value = "" if self._last_value is None else f',"last_value":{self._last_value!r}'
        self._lines = [*lines, f"{self._call}{self._n_passes}}}", f"{self._end}{self._n_passes}{value}}}"]
        return self._lines


def _up_to_count(record: dict[str, Any]) -> str:
    return f'{encode(record)[:-1]},"count":'
