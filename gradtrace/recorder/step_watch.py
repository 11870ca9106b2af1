"""What `step()` did: each parameter before and after, the rates of its group, the moments that the optimizer keeps.

Looked at are only steps that use what a pass recorded in full left in `.grad`; of all others not even a parameter is
read. A step that raises never comes to its end: what was kept for it goes when the next one begins, or the next pass.
"""

from __future__ import annotations

import threading
import types
from array import array
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.columns import packed
from gradtrace.recorder.events import Events
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import attributes, is_optimizer, type_name
from gradtrace.recorder.numerals import Numerals
from gradtrace.recorder.optimizers import Optimizers, groups
from gradtrace.recorder.parameter_changes import Change, ParameterChanges
from gradtrace.recorder.rates import Rates, form_of_rates, measure_moments, rates_of
from gradtrace.recorder.readings import Reading, Readings, may_read
from gradtrace.recorder.scalers import Scalers, scale_of
from gradtrace.recorder.sites import Place
from gradtrace.recorder.stream import Line, encode

_MOST_STEPS = 1_000
"""So many steps of a process are looked at."""
_MOST_PARAMETERS = 10_000

Groups = list[tuple[dict[str, Any], list[torch.Tensor]]]
"""The param groups of an optimizer as `groups` finds them."""


class _Step:
    """A step that runs."""

    def __init__(self, optimizer: Any, depth: int, hook: types.CodeType, began_after: int, value_limit: int) -> None:
        self.optimizer = id(optimizer)
        self.depth = depth
        self.hook = hook
        """The code of torch's wrapper around every `step`, from which the hooks are called."""
        self.began_after = began_after
        self.record: dict[str, Any] = {}
        self.readings = Readings()
        self.changes = ParameterChanges(self.readings, value_limit)
        self.rates: list[Rates] = []
        self.n_others = 0
        self.autocast: str | None = None
        self.scale: Reading | None = None
        self.found_inf: Reading | None = None
        self.is_whole = False
        """Everything was measured before it began."""


class StepWatch:
    """Looks at optimizers while they step.

    Args:
        keeps_latest: every pass is recorded in full, in place of the one before; so are the steps, at the end.
    """

    def __init__(
        self,
        journal: Journal,
        events: Events,
        leaves: Leaves,
        optimizers: Optimizers,
        *,
        keeps_latest: bool,
    ) -> None:
        self._journal = journal
        self._events = events
        self._leaves = leaves
        self._optimizers = optimizers
        self._keeps_latest = keeps_latest
        self._value_limit = journal.config.value_limit
        self._owing: set[int] = set()
        """Leaves of optimizers to which a pass recorded in full has given a gradient that no step has used yet."""
        self._used: set[int] = set()
        """Leaves whose gradient a step has used already, for as long as every pass is recorded in full."""
        self._running: dict[int, list[_Step]] = {}
        self.scalers = Scalers(journal, lambda record: self._put(encode(record)))
        self._unsettled: list[_Step] = []
        """Stepped inside a pass, whose numbers lie on a device."""
        self._n_steps = 0
        self._is_told = False
        self._latest: list[Line] = []

    @property
    def is_idle(self) -> bool:
        """Whether a step that begins now is surely none to look at."""
        return not (self._owing or self._running or (not self._events.is_counting and not self._keeps_latest))

    def pass_begins(self, frame: types.FrameType | None) -> None:
        """What was kept for steps that raised is let go."""
        thread = threading.get_ident()
        running = self._running.get(thread)
        if running:
            self._forget(thread, _depth(frame, running[0].hook) + 1)

    def full_pass_begins(self, numbers: frozenset[int]) -> None:
        """A pass recorded in full may add to the `.grad` of these leaves; a hook may step before it ends."""
        self._latest.clear()
        if self._is_enough():
            if not self._is_told:
                self._is_told = True
                self._journal.note(f"what steps did to parameters is recorded of the first {_MOST_STEPS:,} only")
        else:
            states = self._leaves.states.copy().values()
            self._owing |= {state.id for state in states if state.id in numbers and state.owners}
            self._used.clear()

    def pass_ended(self) -> None:
        """What was measured on a device while the pass ran can be fetched."""
        if self._unsettled and not self._leaves.is_any_running:
            unsettled, self._unsettled = self._unsettled, []
            for step in unsettled:
                self._finish(step)

    # Around a step.

    def begins(self, optimizer: torch.optim.Optimizer, frame: types.FrameType, *, has_arguments: bool) -> None:
        """An optimizer is about to step: the frame is that of torch's wrapper; with arguments it may run passes."""
        thread = threading.get_ident()
        depth = _depth(frame, frame.f_code)
        self._forget(thread, depth)
        running = self._running.get(thread, [])
        if any(one.optimizer == id(optimizer) for one in running):
            return  # an overridden `step` calls its parent's
        may_run_passes = has_arguments and not self._events.is_counting
        if not (may_run_passes or self._owing or self._may_be_second) or self._is_enough():
            return
        found = groups(optimizer)
        if not (may_run_passes or self._is_due(found)):
            return
        step = self._new_step(optimizer, depth, frame.f_code)
        self._running.setdefault(thread, []).append(step)
        with torch.no_grad():
            self._look_before(step, optimizer, found, may_run_passes=may_run_passes)
        step.is_whole = True

    def _new_step(self, optimizer: torch.optim.Optimizer, depth: int, hook: types.CodeType) -> _Step:
        return _Step(optimizer, depth, hook, self._journal.last_pass_index, self._value_limit)

    def _is_due(self, found: Groups) -> bool:
        states = (self._leaves.find(one) for _, tensors in found for one in tensors)
        looked_at = self._owing | self._used if self._may_be_second else self._owing
        return any(state is not None and state.id in looked_at for state in states)

    def _uses_owed(self, changes: list[Change]) -> bool:
        looked_at = self._owing | self._used if self._may_be_second else self._owing
        return any(change.state is not None and change.state.id in looked_at for change in changes)

    @property
    def _may_be_second(self) -> bool:
        """Whether a step that uses the same gradients once more is looked at too."""
        return bool(self._used) and not self._events.is_counting

    def _is_enough(self) -> bool:
        return self._n_steps >= _MOST_STEPS and not self._keeps_latest

    def _forget(self, thread: int, depth: int) -> None:
        """Steps as deep as this one, or deeper, are over, also if they raised."""
        running = self._running.get(thread)
        while running and running[-1].depth >= depth:
            running.pop()
        if running is not None and not running:
            del self._running[thread]

    def _look_before(
        self, step: _Step, optimizer: torch.optim.Optimizer, found: Groups, *, may_run_passes: bool = False
    ) -> None:
        changes, find = step.changes.all, self._leaves.find
        for number, (rates, tensors) in enumerate(found):
            step.rates.append(rates_of(rates, step.readings))
            for tensor in tensors:
                state = find(tensor)
                if (state is None and not may_run_passes) or len(changes) >= _MOST_PARAMETERS:
                    step.n_others += 1
                else:
                    changes.append(Change(tensor, state, number))
        devices = step.changes.measure_before()
        step.autocast = next((one for one in map(_autocast, devices) if one is not None), None)
        step.changes.look_at_gradients(self._leaves)
        step.scale = self.scalers.scale_for(optimizer, step.readings)

    def has_stepped(self, optimizer: torch.optim.Optimizer) -> None:
        """Its `step` has been called, if it comes to that, by a `GradScaler`."""
        self.scalers.has_stepped(optimizer)

    def ends(
        self, optimizer: torch.optim.Optimizer, frame: types.FrameType, call: str, place: Place | None, number: int
    ) -> None:
        """It has stepped."""
        thread = threading.get_ident()
        depth = _depth(frame, frame.f_code)
        running = self._running.get(thread, [])
        mine = next((one for one in running if one.depth == depth and one.optimizer == id(optimizer)), None)
        self._forget(thread, depth)
        if mine is None or not mine.is_whole:
            return
        has_run_passes = self._journal.last_pass_index > mine.began_after
        if not (has_run_passes or self._uses_owed(mine.changes.all)):
            return
        with torch.no_grad():
            self._look_after(mine, optimizer, has_run_passes=has_run_passes)
            self._write(mine, call, place, number)

    def _look_after(self, step: _Step, optimizer: torch.optim.Optimizer, *, has_run_passes: bool) -> None:
        if has_run_passes:
            for change, tensor in step.changes.living():
                change.state = change.state or self._leaves.find(tensor)
            step.changes.forget_gradients()
            step.changes.look_at_gradients(self._leaves)
        step.n_others += step.changes.keep_known()
        known = attributes(optimizer)
        found_inf = known.get("found_inf")  # what a scaler gives to an optimizer that looks by itself
        if may_read(found_inf) and found_inf.numel() == 1:
            step.found_inf = step.readings.number(found_inf)
        step.changes.measure_after()
        measure_moments(known.get("state"), step.changes.living(), step.readings)

    def _write(
        self, step: _Step, call: str, place: Place | None, number: int, *, is_skipped: bool | None = None
    ) -> None:
        step.record = {
            "pass_index": max(self._journal.last_pass_index, step.began_after),  # another thread's may have begun late
            "began_after": step.began_after,
            "optimizer": number,
            "call": call,
            "location": self._journal.place(place),
            "n_others": step.n_others,
            "autocast": step.autocast,
            "is_skipped": is_skipped,
        }
        used = {change.state.id for change in step.changes.all if change.state is not None}
        self._owing -= used
        self._used |= used
        if step.scale is not None:
            self.scalers.used(step.scale)
        if step.readings.is_settled or not self._leaves.is_any_running:
            self._finish(step)
        else:
            self._unsettled.append(step)

    def _finish(self, step: _Step) -> None:
        step.readings.settle()
        step.changes.settle()
        record = step.record
        if record["is_skipped"] is None:
            found = None if step.found_inf is None else step.found_inf.value
            record["is_skipped"] = bool(found) if found is not None else None if step.scale is None else False
        self._n_steps += 1
        number, numbers = self._form(step)
        named, data = packed({"number": numbers})
        when = {"pass_index": record["pass_index"], "began_after": record["began_after"]}
        self._put(encode({"t": "step_numbers", "form": number, **when, "columns": named}), data)

    def _form(self, step: _Step) -> tuple[int, array[float]]:
        """The number of what a step has in common with others, written once; and its numbers, in order."""
        numerals = Numerals()
        groups = ",".join([form_of_rates(rates, numerals) for rates in step.rates])
        scale = numerals.number(step.scale)
        rows = step.changes.rows(numerals)
        same = {name: one for name, one in step.record.items() if name not in ("pass_index", "began_after")}
        text = f'{encode(same)[1:-1]},"groups":[{groups}],"scale":{scale},"rows":[{rows}]'
        return self._journal.tables.step_form(text, self._put), numerals.numbers

    def _put(self, line: str, data: bytes = b"") -> None:
        if self._keeps_latest:
            self._latest.append((line, data))
        else:
            self._journal.write_encoded(line, data)

    def write_latest(self) -> None:
        """What is written at the end only, where all is kept of the latest pass alone."""
        latest, self._latest = self._latest, []
        for line, data in latest:
            self._journal.write_encoded(line, data)

    # Around what a GradScaler does.

    def scaling_begins(self, scaler: Any, optimizer: Any) -> bool:
        """`GradScaler.step` begins: it calls the optimizer's, unless it has found an infinity.

        Returns:
            whether this is a step to look at.
        """
        enabled = attributes(scaler).get("_enabled")
        if enabled is not True or not is_optimizer(optimizer) or not self._owing or not self._is_due(groups(optimizer)):
            return False
        self.scalers.begins(scaler, optimizer)
        return True

    def scaling_ends(self, scaler: Any, place: Place | None, *, has_failed: bool) -> None:
        """`GradScaler.step` has ended; one that left the optimizer alone is a step that was skipped."""
        optimizer = self.scalers.ends(scaler)
        if optimizer is None or has_failed or self._is_enough():
            return
        step = self._new_step(optimizer, 0, _depth.__code__)
        with torch.no_grad():
            self._look_before(step, optimizer, groups(optimizer))
            step.scale = scale_of(scaler, step.readings)
            step.changes.stay()
            call = f"{type_name(optimizer)}.step"
            self._write(step, call, place, self._optimizers.number(optimizer), is_skipped=True)

    def after_fork(self) -> None:
        """The child has begun no step, and knows no leaf."""
        self._owing.clear()
        self._used.clear()
        self._running.clear()
        self._latest.clear()
        self._unsettled.clear()
        self.scalers.after_fork()


def _depth(frame: types.FrameType | None, code: types.CodeType) -> int:
    """How many steps run inside each other at this frame."""
    depth = 0
    while frame is not None:
        depth += frame.f_code is code
        frame = frame.f_back
    return depth


def _autocast(device: torch.device) -> str | None:
    """The dtype of autocast, where it is on for a kind of device."""
    kind = device.type
    if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
        return None
    return torch_facts.short_dtype(torch.get_autocast_dtype(kind))
