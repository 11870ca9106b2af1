"""The rows that are written of the norms of steps: kept in columns, and put into the file some at a time."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from gradtrace.model.format import NOT_MEASURED, UNKNOWN_RATE, StepFlag
from gradtrace.recorder.columns import packed
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.readings import Reading, Readings
from gradtrace.recorder.sites import Place
from gradtrace.recorder.step_parts import Parts
from gradtrace.recorder.stream import plain_text
from gradtrace.recorder.tensor_norms import Norm, known, root_of_squares, total_of

_DENSE = 100_000
"""So many steps of a process are measured one by one."""
_A_STAGE = 50_000
"""After so many rows more, half as many of the steps that follow are measured."""
_TOGETHER = 64
"""Rows that are written together."""
_PERIOD = 0.25
"""Seconds after which those that are there are written."""
_MOST_WAITING = 64
"""Rows whose numbers lie on a device at most."""
_LONGEST_WAIT = 5.0
"""Seconds."""
_MOST_SERIES = 1_000


class Row:
    """A step; what is None was not measured."""

    __slots__ = (
        "before",
        "change",
        "found_inf",
        "is_double",
        "is_scaled",
        "is_skipped",
        "loss",
        "norms",
        "number",
        "pass_index",
        "rates",
        "scale",
        "weights",
    )

    def __init__(self, number: int, rates: list[Reading]) -> None:
        self.number = number
        self.rates = rates
        self.pass_index = 0
        self.norms: Sequence[Norm] = ()
        self.is_double = False
        """Some gradients are of double precision, and so is their total."""
        self.before: Reading | None = None
        self.loss: Reading | None = None
        self.change: Reading | None = None
        self.weights: Reading | None = None
        self.scale: Reading | None = None
        self.found_inf: Reading | None = None
        self.is_scaled = False
        self.is_skipped = False

    def unscaled(self) -> list[float]:
        """The norm of each gradient, as it is without the scale of the loss."""
        norms = list(map(known, self.norms))
        scale = None if self.scale is None else self.scale.value
        return [one / scale if one >= 0 else one for one in norms] if scale else norms


class _Series:
    """Steps that have everything but numbers in common."""

    def __init__(self, number: int, parts: Parts) -> None:
        self.id = number
        self.parts = parts
        self.clear()

    def clear(self) -> None:
        self.whole: dict[str, array[int]] = {name: array(kind) for name, kind in (("step", "I"), ("pass", "I"))}
        self.whole["flags"] = array("B")
        names = ("total", "before", "loss", "change", "weights", "rate", "part")
        self.real: dict[str, array[float]] = {name: array("d") for name in names}

    def add(self, row: Row) -> None:
        norms = row.unscaled()
        is_skipped = row.is_skipped or bool(row.found_inf is not None and row.found_inf.value)
        is_known = row.loss is not None and row.loss.value is not None
        flags = StepFlag.LOSS * is_known | StepFlag.SKIPPED * is_skipped | StepFlag.SCALED * row.is_scaled
        for name, number in (("step", row.number), ("pass", row.pass_index), ("flags", flags)):
            self.whole[name].append(number)
        self.real["total"].append(total_of(norms, is_double=row.is_double))
        self.real["loss"].append(row.loss.value if row.loss is not None and row.loss.value is not None else 0.0)
        for name, reading in (("before", row.before), ("change", row.change), ("weights", row.weights)):
            known = None if reading is None else reading.value
            self.real[name].append(NOT_MEASURED if known is None else known)
        self.real["rate"].extend(UNKNOWN_RATE if one.value is None else one.value for one in row.rates)
        self.real["part"].extend(self._of_parts(norms))

    def _of_parts(self, norms: list[float]) -> list[float]:
        if self.parts.positions is None:
            return norms
        together: list[list[float]] = [[] for _ in self.parts.rows]
        for part, norm in zip(self.parts.positions, norms, strict=True):
            together[part].append(norm)
        return list(map(root_of_squares, together))


class NormRows:
    """Takes the rows of all optimizers of a process.

    Attributes:
        readings: who fetches the numbers of the rows.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.readings = Readings()
        self._series: dict[tuple[Any, ...], _Series] = {}
        self._waiting: list[tuple[Row, _Series]] = []
        self._n_rows = 0
        self._n_unwritten = 0
        self._written = self._settled = time.monotonic()
        self._stride = 1
        self._next_stage = _DENSE

    def wants(self, number: int) -> bool:
        """Whether the step with this number, counted from 1, is measured."""
        return number % self._stride == 0

    def add(
        self, row: Row, optimizer: int, parts: Parts, places: tuple[Place | None, Place | None], *, may_wait: bool
    ) -> None:
        """Take a row; its numbers may still lie on a device.

        Args:
            row: the step.
            optimizer: the id of its optimizer.
            parts: of which parameters it holds the norms.
            places: the lines of the step and of the last pass before it.
            may_wait: whether a device may be waited for now.
        """
        step, backward = map(self._journal.place, places)
        key = (optimizer, id(parts), step, backward, len(row.rates))  # the series keeps the parts
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MOST_SERIES:
                return
            series = self._series[key] = self._begin(optimizer, parts, (step, backward), len(row.rates))
        self._waiting.append((row, series))
        self._n_rows += 1
        if self._n_rows >= self._next_stage:
            self._thin_out(row.number)
        now = time.monotonic()
        is_long = len(self._waiting) >= _MOST_WAITING or now - self._settled > _LONGEST_WAIT
        if self.readings.is_settled or (is_long and may_wait):
            self._settle()
        if self._n_unwritten >= _TOGETHER or (self._n_unwritten and now - self._written > _PERIOD):
            self._write()

    def _begin(self, optimizer: int, parts: Parts, places: tuple[int | None, int | None], n_rates: int) -> _Series:
        series = _Series(len(self._series), parts)
        meshes = list(dict.fromkeys(how[0] for how in parts.spreads if how is not None))
        rows = [
            [plain_text(name), list(leaves), *([] if how is None else [meshes.index(how[0]), how[1]])]
            for (name, leaves), how in zip_longest(parts.rows, parts.spreads)
        ]
        self._journal.write(
            {
                "t": "norm_series",
                "id": series.id,
                "optimizer": optimizer,
                "parts": rows,
                "meshes": meshes,
                "by_parameter": parts.positions is None,
                "n_rates": n_rates,
                "location": places[0],
                "backward": places[1],
            }
        )
        return series

    def _thin_out(self, number: int) -> None:
        if self._stride == 1:
            self._journal.note(
                f"the norms of more than {_DENSE:,} steps: after step {number:,} those of every second step are kept, "
                f"and after each {_A_STAGE:,} more of half as many"
            )
        self._stride *= 2
        self._next_stage += _A_STAGE

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.readings.settle()
        self._settled = time.monotonic()
        for row, series in waiting:
            series.add(row)
        self._n_unwritten += len(waiting)

    def _write(self) -> None:
        self._n_unwritten, self._written = 0, time.monotonic()
        for series in self._series.values():
            if series.whole["step"]:
                named, data = packed({**series.whole, **series.real})
                series.clear()
                self._journal.write_columns({"t": "norms", "series": series.id, "columns": named}, data)

    def write(self) -> None:
        """Write down all that is known."""
        if self._waiting:
            self._settle()
        self._write()
