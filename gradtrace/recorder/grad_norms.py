"""What writes to `.grad` did: its norm before and after, as far as both were measured on the tensor itself.

Before a write nothing is measured: what a pass recorded in full left, or the write before, is known already, and holds
as long as address and version of the tensor say that nothing came between. After it the norm is measured at once; on
an accelerator it is fetched when the event is written.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch

from gradtrace.recorder.events import Events
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.leaves import LeafState, Leaves
from gradtrace.recorder.marks import Mark, mark
from gradtrace.recorder.readings import Reading, Readings, may_read, n_zero_rows

_MOST = 100_000
"""So many writes of a process are measured, counted by leaf."""


class _Known:
    """What is known of a leaf's `.grad`: its norm, or the pass whose ledger tells it."""

    __slots__ = ("during", "generation", "mark", "reading", "since")

    def __init__(
        self,
        own: Mark,
        generation: int,
        *,
        since: int | None = None,
        reading: Reading | None = None,
        during: int | None,
    ) -> None:
        self.mark = own
        self.generation = generation
        self.since = since
        self.reading = reading
        self.during = during
        """The pass that ran when it was measured."""


class Written:
    """One leaf's `.grad` before a write and after it."""

    __slots__ = ("_after", "_before", "_leaf", "_readings", "_since", "_zeroed")

    def __init__(self, leaf: int, known: _Known | None, after: Reading, readings: Readings, zeroed: int | None) -> None:
        self._leaf = leaf
        self._since = None if known is None else known.since
        self._before = None if known is None else known.reading
        self._after = after
        self._readings = readings
        self._zeroed = zeroed

    def settle(self) -> None:
        """Fetch what still lies on a device."""
        self._readings.settle()

    def row(self) -> list[Any]:
        """Leaf, norm before, the pass that left it so, norm after, and how many rows became zero, where known."""
        before = None if self._before is None else self._before.plain()
        row = [self._leaf, before, self._since, self._after.plain()]
        return row if self._zeroed is None else [*row, self._zeroed]


class GradNorms:
    """Follows the `.grad` of leaves from write to write.

    Args:
        counts_rows: of those that the program itself writes to, the rows that become zero are counted.
    """

    def __init__(self, events: Events, leaves: Leaves, failures: Failures, *, counts_rows: bool = False) -> None:
        self._events = events
        self._leaves = leaves
        self._failures = failures
        self._known: dict[int, _Known] = {}
        self._generation = 0
        self._n_measured = 0
        self._counts_rows = counts_rows
        self._zero_rows: dict[int, int | None] = {}
        """Of leaves that the program writes to itself: how many rows are zero, as last counted."""

    @property
    def _is_off(self) -> bool:
        return self._events.is_counting or self._n_measured >= _MOST

    def pass_ended(self, index: int, numbers: Sequence[int]) -> None:
        """A pass recorded in full has measured the `.grad` of these leaves, and left it so."""
        wanted = set(numbers)
        alive = {state.id: state for state in self._leaves.states.copy().values()}
        self._known = {number: known for number, known in self._known.items() if number in alive}
        thread = threading.get_ident()
        with self._leaves.touching():
            for number in wanted & alive.keys():
                state = alive[number]
                tensor = state.reference()
                if tensor is None or not self._leaves.may_touch(state, thread):
                    self._known.pop(number, None)
                    continue
                grad = tensor.grad
                own = (0, -1) if grad is None else mark(grad)
                known = self._known.pop(number, None)
                if known is not None and known.during == index and known.mark == own:
                    self._known[number] = known  # a hook has written to it since
                elif own[0]:
                    self._known[number] = _Known(own, self._generation, since=index, during=None)
                if number in self._zero_rows:
                    self._zero_rows[number] = n_zero_rows(grad)

    def forget(self, numbers: Sequence[int] | None = None) -> None:
        """Something that is not measured has happened to these leaves, or may have to all."""
        if numbers is None:
            self._generation += 1
            self._known.clear()
        for number in numbers or ():
            self._known.pop(number, None)

    def wrote(self, states: Sequence[LeafState], *, is_zero: bool = False, is_own: bool = False) -> list[Written]:
        """Their `.grad` has been written to in place; by the program's own line, or by a function of torch."""
        return self._guarded(states, None, is_zero=is_zero, is_assigned=False, is_own=is_own)

    def assigned(self, state: LeafState, value: torch.Tensor | None, *, is_own: bool = False) -> list[Written]:
        """Its `.grad` is now another tensor, or the same one again."""
        if value is None:
            self.forget([state.id])
            return []
        return self._guarded([state], value, is_zero=False, is_assigned=True, is_own=is_own)

    def _guarded(
        self, states: Sequence[LeafState], value: torch.Tensor | None, *, is_zero: bool, is_assigned: bool, is_own: bool
    ) -> list[Written]:
        if self._is_off:
            return []
        try:
            with torch.no_grad():
                readings = Readings()
                found = [
                    self._measure(one, value, readings, is_zero=is_zero, is_assigned=is_assigned, is_own=is_own)
                    for one in states
                ]
                return [one for one in found if one is not None]
        except BaseException as error:
            if not self._failures.absorb("what a write did to .grad", error):
                raise
            self._known.clear()
        return []

    def _measure(
        self,
        state: LeafState,
        value: torch.Tensor | None,
        readings: Readings,
        *,
        is_zero: bool,
        is_assigned: bool,
        is_own: bool,
    ) -> Written | None:
        thread = threading.get_ident()
        tensor = state.reference()
        known = self._known.pop(state.id, None)
        if tensor is None:
            return None
        with self._leaves.touching():
            if not self._leaves.may_touch(state, thread):
                return None
            grad = value if value is not None else tensor.grad
            if grad is None or not may_read(grad):
                return None
            own = mark(grad)
            running = self._leaves.running_on(thread)
            if known is not None and is_assigned and known.mark == own:
                self._known[state.id] = known  # `p.grad *= 2` assigns what it has written to
                return None
            after = Reading(0.0) if is_zero else readings.norm(grad)
            zeroed = self._zeroed_rows(state.id, grad) if is_own and self._counts_rows and not is_zero else None
        before = self._before(tensor, known, own, running, is_assigned=is_assigned)
        if own[0]:
            self._known[state.id] = _Known(own, self._generation, reading=after, during=running)
        if is_zero:
            return None
        self._n_measured += 1
        return Written(state.id, before, after, readings, zeroed)

    def _zeroed_rows(self, number: int, grad: torch.Tensor) -> int | None:
        """How many rows have become zero since they were counted last; this leaf is counted from now on."""
        known = self._zero_rows.get(number)
        now = self._zero_rows[number] = n_zero_rows(grad)
        return None if known is None or now is None else now - known

    def _before(
        self, tensor: torch.Tensor, known: _Known | None, own: Mark, running: int | None, *, is_assigned: bool
    ) -> _Known | None:
        """What is known of the `.grad` as it was before the write."""
        if running is not None and (known is None or known.during != running):
            # A pass has added to it since; what it left is measured before hooks see it, if there are any.
            hooks = getattr(tensor, "_post_accumulate_grad_hooks", None)
            return _Known(own, self._generation, since=running, during=running) if hooks else None
        if known is None or known.generation != self._generation:
            return None
        if is_assigned:
            return known
        is_next = known.mark[0] == own[0] and 0 <= own[1] - known.mark[1] <= 1
        return known if is_next else None

    def after_fork(self) -> None:
        """The child's leaves are new ones."""
        self.forget()
