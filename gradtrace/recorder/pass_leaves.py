"""What one pass did to the leaves of its graph: `.grad` before, what it added, `.grad` after.

The `.grad` of a leaf that passes of several threads share is looked at only while no other engine runs: an engine
replaces it without the interpreter's lock. What could not be looked at is left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

import torch

from gradtrace.model.kinds import Effect
from gradtrace.model.needs import Statistic
from gradtrace.recorder.leaves import LeafState, Leaves
from gradtrace.recorder.marks import Mark, mark
from gradtrace.recorder.measure import Measurements

EFFECTS = [Effect.CREATED, Effect.ACCUMULATED, Effect.UNCHANGED, Effect.NOT_STORED]
"""What the last number of a row in a column stands for."""

Row = tuple[int, int | None, int | None, int | None, Effect]
"""Leaf; numbers of the statistics of `.grad` before, of what was added, of `.grad` after; what that was."""


def column(rows: Iterable[Row]) -> array[int]:
    """The rows as they are written."""
    flat = array("i")
    for *numbers, effect in rows:
        flat.extend(-1 if one is None else one for one in numbers)
        flat.append(EFFECTS.index(effect))
    return flat


class PassLeaves:
    """The ledger of one pass; leaves are known by the number of their node.

    Args:
        accumulates: the pass adds to `.grad`, as `backward()` does and `autograd.grad()` does not.
        statistics: what is measured of `.grad`; None: what is of gradients.
        others: leaves that are not in the graph, whose `.grad` other ranks may change all the same while it runs.
    """

    def __init__(
        self,
        leaves: Leaves,
        of_pass: dict[int, tuple[LeafState, torch.Tensor]],
        measurements: Measurements,
        thread: int,
        *,
        accumulates: bool,
        statistics: frozenset[Statistic] | None = None,
        others: Sequence[tuple[LeafState, torch.Tensor]] = (),
    ) -> None:
        self._leaves = leaves
        self._of_pass = of_pass
        self._measurements = measurements
        self._thread = thread
        self._accumulates = accumulates
        self._statistics = statistics
        self._others = others
        self._others_before: dict[int, tuple[Mark | None, int | None]] = {}
        self._before: dict[int, int | None] = {}
        self._before_mark: dict[int, Mark | None] = {}
        self._after: dict[int, int] = {}
        self.contributions: dict[int, tuple[int, Mark]] = {}

    def measure_before(self) -> None:
        """Before the engine runs."""
        with self._leaves.touching():
            for number, (state, tensor) in self._of_pass.items():
                if self._leaves.may_touch(state, self._thread):
                    self._measure_before(number, self._leaves.shards.gradient(tensor))

            for state, tensor in self._others if self._accumulates else ():
                if self._leaves.may_touch(state, self._thread):
                    grad = self._leaves.shards.gradient(tensor)
                    if grad is None:
                        self._others_before[state.id] = (None, None)
                    else:
                        self._others_before[state.id] = (mark(grad), self._measurements.add(grad, self._statistics))

    def _measure_before(self, number: int, grad: torch.Tensor | None) -> None:
        self._before[number] = None if grad is None else self._measurements.add(grad, self._statistics)
        self._before_mark[number] = None if grad is None else mark(grad)

    def arrives(self, number: int) -> None:
        """A gradient has arrived at a leaf, and is about to be added; a pass inside this one may have come first."""
        state, tensor = self._of_pass[number]
        if not self._accumulates or number not in self._before:
            return
        with self._leaves.touching():
            if self._leaves.may_touch(state, self._thread):
                grad = self._leaves.shards.gradient(tensor)
                if self._before_mark[number] != (None if grad is None else mark(grad)):
                    self._measure_before(number, grad)

    def added(self, number: int, tensor: torch.Tensor) -> None:
        """A leaf's `.grad` has been added to, and nobody has changed it since."""
        state = self._of_pass[number][0]
        with self._leaves.touching():
            if self._leaves.may_touch(state, self._thread):
                grad = self._leaves.shards.gradient(tensor)
                if grad is not None:
                    self._after[number] = self._measurements.add(grad, self._statistics)

    def suspend(self) -> None:
        """Another pass begins inside this one: what it adds to leaves that are done is not what this one added."""
        for number in self.contributions:
            if self._accumulates and number not in self._after:
                self.added(number, self._of_pass[number][1])

    def rows(self, captured: set[int | None]) -> list[Row]:
        """After the engine has run: what it did to each leaf.

        Args:
            captured: the leaves whose gradient `autograd.grad` gave back.
        """
        rows: list[Row] = []
        with self._leaves.touching():
            for number, (state, tensor) in self._of_pass.items():
                row = self._row(number, state, tensor, is_captured=number in captured)
                if row is not None:
                    rows.append(row)
            rows.extend(self._changed_by_others())
        return rows

    def _changed_by_others(self) -> Iterator[Row]:
        """What became of leaves to which nothing came here."""
        for state, tensor in self._others:
            if state.id in self._others_before and self._leaves.may_touch(state, self._thread):
                grad = self._leaves.shards.gradient(tensor)
                own, before = self._others_before[state.id]
                if grad is not None and mark(grad) != own:
                    self._leaves.remember(state, grad)
                    after = self._measurements.add(grad, self._statistics)
                    yield (state.id, before, None, after, Effect.UNCHANGED)

    def _row(self, number: int, state: LeafState, tensor: torch.Tensor, *, is_captured: bool) -> Row | None:
        before = self._before.get(number)
        contribution = self.contributions.get(number)
        if not self._accumulates:
            if is_captured and contribution is not None:
                return (state.id, before, contribution[0], before, Effect.NOT_STORED)
            return None
        may_touch = self._leaves.may_touch(state, self._thread)
        grad = self._leaves.shards.gradient(tensor) if may_touch else None
        if may_touch:
            self._leaves.remember(state, grad)
        if contribution is None:
            return (state.id, before, None, before, Effect.UNCHANGED)
        after = self._after.get(number)
        if after is None and grad is not None:
            same = before is None and mark(grad) == contribution[1] and contribution[1][0]
            after = contribution[0] if same else self._measurements.add(grad, self._statistics)
        was_none = before is None and number in self._before
        return (state.id, before, contribution[0], after, Effect.CREATED if was_none else Effect.ACCUMULATED)
