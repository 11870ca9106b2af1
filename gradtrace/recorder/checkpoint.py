"""Writes while the program runs what is otherwise known only at its end: it may be killed, or end by `os._exit`.

The ledger is in the stream after each pass by itself. Cuts, results that are not finite, and what was counted grow with
every call: they are written again at the end of a pass, after the first passes at once, later at most twice a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gradtrace.model.kinds import ObservationKind
from gradtrace.recorder.constant_terms import ConstantTerms
from gradtrace.recorder.cuts import CutWatch
from gradtrace.recorder.grad_watch import GradWatch
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.number_watch import NumberWatch

_AT_ONCE = 8
_PERIOD = 0.5
"""Seconds."""


class Checkpoint:
    """Writes what has changed since it last did."""

    def __init__(
        self,
        journal: Journal,
        grads: GradWatch,
        find_tables: Callable[[], list[Any]],
        count_others: Callable[[], int],
        facts: tuple[CutWatch | NumberWatch | ConstantTerms, ...],
    ) -> None:
        self._journal = journal
        self._grads = grads
        self._find_tables = find_tables
        self._count_others = count_others
        self._facts = facts
        self._n_passes = 0
        self._due = 0.0
        self._observed: tuple[int, ...] | None = None
        self._before = (0, 0)
        """Calls that stand in an earlier stream: those that only made nodes, and those that made any."""

    def pass_ended(self) -> None:
        """Write, if that is due."""
        self._n_passes += 1
        now = time.monotonic()
        if now >= self._due or self._n_passes <= _AT_ONCE:
            self.write()
            self._due = now + _PERIOD

    def write(self) -> None:
        """Write now."""
        for facts in self._facts:
            facts.write()
        grads = self._grads
        others, with_graph = (max(0, now - before) for now, before in zip(self._counts(), self._before, strict=True))
        observed = (grads.n_calls + others, grads.n_without_grad, with_graph)
        if observed == self._observed:
            return
        kinds = (ObservationKind.OPS, ObservationKind.OPS_WITHOUT_GRAD, ObservationKind.OPS_WITH_GRAPH)
        places = (None, grads.first_without_grad, None)
        for kind, count, place in zip(kinds, observed, places, strict=True):
            location = self._journal.place(place)
            record = {"t": "observation", "kind": kind, "count": count, "location": location, "text": ""}
            if kind == ObservationKind.OPS_WITHOUT_GRAD and grads.first_switch is not None:
                record["switch"] = grads.first_switch.record(self._journal)
            self._journal.write(record)
        self._observed = observed

    def _counts(self) -> tuple[int, int]:
        return self._count_others(), sum(table.starts.buffer_info()[1] for table in self._find_tables())

    def after_fork(self) -> None:
        """The stream is a new one: what was counted until now stands in the other."""
        self._before = self._counts()
        self._n_passes, self._due = 0, 0.0
        self._observed = None
