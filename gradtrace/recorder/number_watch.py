"""Tells of the first NaN and infinity forwards: all that went in was finite, and what came out is not.

Mostly found in what graphs hold (`origins`) once a root or a gradient is not finite. Then the results of the next
passes are looked at as they are made; or those of all passes, if everything is to be measured.
"""

from __future__ import annotations

import types
from typing import Any

import torch

from gradtrace.model.needs import ALL
from gradtrace.recorder.cuts import tensors_among
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import Measurements, is_finite, is_readable
from gradtrace.recorder.names import Names, assigned_names
from gradtrace.recorder.origins import Origin
from gradtrace.recorder.sites import Place, running_module, user_place
from gradtrace.recorder.stream import plain_text

_MAX_PLACES = 200
_SAME_NUMBERS = frozenset({"__get__", "__set__", "detach", "clone", "to", "view", "reshape"})
_MAX_INPUTS = 4
_MAX_ALARMS = 3
_PASSES_AFTER = 3


class NumberWatch:
    """One record for each place.

    Args:
        is_on: each result is looked at from the beginning, not only after something was not finite.
    """

    def __init__(self, journal: Journal, names: Names, value_limit: int, *, is_on: bool) -> None:
        self._is_always_on = is_on
        self._n_left = self._n_alarms = 0
        self.n_graphs = 0
        """How many graphs were looked through for what made a number that is not finite."""
        self._journal = journal
        self._names = names
        self._value_limit = value_limit
        self._records: dict[tuple[int, ...], dict[str, Any]] = {}
        self._written: dict[int, int] = {}
        """By id the count that the stream tells."""

    @property
    def is_looking(self) -> bool:
        """Whether results are looked at now."""
        return self._is_always_on or self._n_left > 0

    def saw(self, seen: TorchCall) -> None:
        """Look at one result, if it is of a floating point dtype and something went into it."""
        if not self.is_looking:
            return
        call: str = getattr(seen.func, "__name__", "")
        args, kwargs, result, frame = seen.args, seen.kwargs, seen.result, seen.frame
        if call in _SAME_NUMBERS or not is_tensor(result) or not _is_plain(result) or not result.is_floating_point():
            return
        if is_finite(result):
            return
        inputs = [one for one in tensors_among(args, kwargs) if _is_plain(one) and one.is_floating_point()]
        if not inputs or any(bool(torch.isnan(one).any()) for one in inputs):
            return
        has_nan = bool(torch.isnan(result).any())
        if not has_nan and not all(is_finite(one) for one in inputs if one is not result):
            return
        place = user_place(frame, call)
        if place is None:
            return
        key = place.key
        known = self._records.get(key)
        if known is not None:
            known["count"] += 1
        elif len(self._records) < _MAX_PLACES:
            self._records[key] = self._describe(call, inputs, result, frame)
            self._journal.write(self._records[key])

    def alarm(self) -> None:
        """Something was not finite: look at each result of the next passes."""
        if self._n_alarms < _MAX_ALARMS and not self._is_always_on:
            self._n_alarms += 1
            self._n_left = _PASSES_AFTER

    @property
    def is_alarmed(self) -> bool:
        """Whether the next pass should be recorded in full, and its results looked at."""
        return self._n_left > 0

    def pass_ended(self) -> None:
        """A pass that was recorded in full is over."""
        self._n_left = max(0, self._n_left - 1)

    def tell(
        self, origin: Origin, place: Place | None, module: str | None, index: int, given: str | None = None
    ) -> None:
        """Take in what was found out about a result without having seen it being made."""
        key: tuple[int, ...] = (id(place.code), place.instruction) if place is not None else (hash(origin.call), -1)
        key = (*key, -1) if origin.is_given else key
        tables, limit = self._journal.tables, self._value_limit
        output = origin.output.row(tables, limit)
        if key in self._records or output is None or len(self._records) >= _MAX_PLACES:
            return
        inputs = [row for one in origin.inputs[:_MAX_INPUTS] if (row := one.row(tables, limit)) is not None]
        self._records[key] = self._record(origin.call, place, output, inputs, module)
        self._records[key] |= {"before_pass": index, "is_exact": origin.is_exact}
        if origin.is_given:
            self._records[key] |= {"is_given": True, "name": None if given is None else plain_text(given)}
        self._journal.write(self._records[key])

    def _describe(
        self, call: str, inputs: list[torch.Tensor], result: torch.Tensor, frame: types.FrameType
    ) -> dict[str, Any]:
        measured = Measurements(self._journal.tables, self._value_limit, ALL)
        with torch.no_grad():
            output = measured.add(result)
            numbers = [measured.add(one) for one in inputs[:_MAX_INPUTS]]
        measured.settle()
        module = running_module(frame)
        path = None if module is None else self._names.module_path(module)
        inputs_measured = [measured.row(number) for number in numbers]
        described: dict[str, Any] = self._record(
            call, user_place(frame, call), measured.row(output), inputs_measured, path
        )
        return described | {"is_tracked": result.requires_grad}

    def _record(self, call: str, place: Place | None, output: Any, inputs: list[Any], module: str | None) -> Any:
        location = self._journal.place(place)
        names = () if location is None else assigned_names(self._journal.location(location))
        return {
            "t": "non_finite",
            "id": len(self._records),
            "call": call,
            "location": location,
            "output": output,
            "inputs": inputs,
            "name": names[0] if len(names) == 1 else None,
            "module": module,
            "before_pass": self._journal.last_pass_index + 1,
            "count": 1,
            "is_tracked": True,
            "is_exact": True,
            "is_given": False,
        }

    def after_fork(self) -> None:
        """The stream is a new one, and nothing of the other stands in it."""
        self._records, self._written = {}, {}

    def write(self) -> None:
        """Write every record again whose count has grown."""
        for record in list(self._records.values()):
            if self._written.get(record["id"], 1) != record["count"]:
                self._journal.write(record)
                self._written[record["id"]] = record["count"]


def _is_plain(tensor: torch.Tensor) -> bool:
    return is_readable(tensor) and tensor.layout is torch.strided and tensor.numel() > 0
