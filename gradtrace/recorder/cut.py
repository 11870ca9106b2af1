"""One place at which values leave the graph, and what became of them."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from gradtrace.model.kinds import CutKind, SwitchKind
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.sites import Place
from gradtrace.recorder.switches import Switch


class Cut:
    """One place at which values are cut off.

    It outlives the stream in which it was written first, as long as its values do: in the next one it is written when a
    pass takes them in.
    """

    __slots__ = (
        *("before", "call", "count", "first", "is_inside_function", "is_of_inputs", "is_of_leaves", "kind", "known"),
        *("leaves", "module", "name", "nodes", "number", "passes", "place", "reentry", "source", "switch"),
    )

    def __init__(self, kind: CutKind, call: str, place: Place, switch: Switch | None) -> None:
        self.kind = kind
        self.call = call
        self.place = place
        self.switch = switch
        self.source: str | None = None
        self.name: str | None = None
        self.module: str | None = None
        self.number: int | None = None
        """In this stream; None until it is written there."""
        self.reentry: Place | None = None
        self.leaves: dict[int, weakref.ref[torch.Tensor]] = {}
        """By their ids in this stream."""
        self.before: dict[Cut, None] = {}
        """The cuts whose values went into this one."""
        self.is_inside_function = switch is not None and switch.kind == SwitchKind.FUNCTION
        """In the `forward` of a custom Function."""
        self.is_of_inputs = False
        """All that was cut off are inputs of that Function, through whose result gradients go on."""
        self.is_of_leaves = True
        """Nothing that was cut off was computed."""
        self.begin_stream()
        self.count = 1

    def begin_stream(self) -> None:
        """Nothing of it stands in the stream that begins."""
        self.number = None
        self.count = 0
        """How often it happened since then."""
        self.passes: dict[int, None] = {}
        self.first: tuple[int, int] | None = None
        """Pass and sequence number of the node that took the value in first."""
        self.nodes: dict[int, int] = {}
        """By pass the node that took the value in, where the graph was recorded."""
        self.known: tuple[Any, ...] = ()
        """What its line in the stream says of all that changes."""

    def changes(self) -> tuple[Any, ...]:
        """All that changes."""
        return self.count, len(self.passes), len(self.nodes), self.reentry, len(self.leaves), self.is_of_leaves

    def record(self, journal: Journal) -> dict[str, Any]:
        """Its line in the stream."""
        return {
            "t": "cut",
            "id": self.number,
            "kind": self.kind,
            "call": self.call,
            "location": journal.place(self.place),
            "source": self.source,
            "name": self.name,
            "leaves": list(self.leaves),
            "module": self.module,
            "switch": None if self.switch is None else self.switch.record(journal),
            "count": self.count,
            "is_of_leaves": self.is_of_leaves,
            "passes": list(self.passes),
            "nodes": [[index, node] for index, node in self.nodes.items()],
            "reentry": journal.place(self.reentry),
        }
