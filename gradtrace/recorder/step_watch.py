"""What `step()` did: each parameter before and after, the rates of its group, the moments that the optimizer keeps.

Looked at are only steps that use what a pass recorded in full left in `.grad`; of all others not even a parameter is
read. To know the norm of a change takes a copy of the parameter for as long as the step runs: small ones first, until
a fixed amount of memory is used. A step that raises never comes to its end: what was kept for it goes when the next
one begins, or the next pass.
"""

from __future__ import annotations

import threading
import types
import weakref
from collections.abc import Iterator
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.events import Events
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import LeafState, Leaves
from gradtrace.recorder.looking import attributes, copied, is_optimizer, is_tensor, type_name
from gradtrace.recorder.optimizers import Optimizers, groups
from gradtrace.recorder.readings import Reading, Readings, may_read, plain_values
from gradtrace.recorder.sites import Place
from gradtrace.recorder.stream import plain_text

_MOST_STEPS = 1_000
"""So many steps of a process are looked at."""
_MOST_PARAMETERS = 10_000
_MOST_ROWS = 8
"""So many of the rows that moved without a gradient are named."""
_MOST_MOMENTS = 12
_MOST_RATES = 40
_COPIED = 512 << 20
"""Bytes of parameters that are copied while a step runs, in the memory of the CPU."""
_COPIED_ON_DEVICE = 64 << 20
_LARGEST_INTEGER = 2**63


class _Change:
    """One parameter, before the step and after."""

    __slots__ = (
        "after",
        "before",
        "change",
        "copy",
        "gradient",
        "group",
        "has_gradient",
        "moments",
        "moved",
        "quiet_rows",
        "reference",
        "state",
        "type",
        "value_after",
        "value_before",
    )

    def __init__(self, tensor: torch.Tensor, state: LeafState | None, group: int) -> None:
        self.reference = weakref.ref(tensor)
        self.state = state
        """None as long as no pass has met it."""
        self.group = group
        self.type: str | None = None
        self.before: Reading | None = None
        self.after: Reading | None = None
        self.change: Reading | None = None
        self.gradient: Reading | None = None
        self.has_gradient: bool | None = None
        self.value_before: Any = None
        self.value_after: Any = None
        self.moments: list[tuple[str, Reading]] = []
        self.copy: torch.Tensor | None = None
        self.quiet_rows: torch.Tensor | None = None
        """Which rows of the gradient are zero, as far as that was asked."""
        self.moved: torch.Tensor | None = None
        """Of these, which rows of the parameter moved."""

    def row(self) -> list[Any]:
        """As a row of the record."""
        numbers = [None if one is None else one.plain() for one in (self.before, self.after, self.change)]
        rows = [] if self.moved is None else torch.nonzero(self.moved).flatten().tolist()
        return [
            None if self.state is None else self.state.id,
            self.group,
            *numbers,
            self.has_gradient,
            None if self.gradient is None else self.gradient.plain(),
            self.value_before,
            self.value_after,
            [[plain_text(name), reading.plain()] for name, reading in self.moments],
            None if self.moved is None else len(rows),
            rows[:_MOST_ROWS],
            self.type and plain_text(self.type),
        ]


class _Step:
    """A step that runs."""

    def __init__(self, optimizer: Any, depth: int, hook: types.CodeType, began_after: int) -> None:
        self.optimizer = id(optimizer)
        self.depth = depth
        self.hook = hook
        """The code of torch's wrapper around every `step`, from which the hooks are called."""
        self.began_after = began_after
        self.record: dict[str, Any] = {}
        self.changes: list[_Change] = []
        self.rates: list[list[tuple[str, Any]]] = []
        self.readings = Readings()
        self.n_others = 0
        self.autocast: str | None = None
        self.scale: Reading | None = None
        self.found_inf: Reading | None = None
        self.is_whole = False
        """Everything was measured before it began."""


class _Scaling:
    """A `GradScaler.step` that runs."""

    __slots__ = ("has_stepped", "optimizer", "scaler")

    def __init__(self, scaler: Any, optimizer: Any) -> None:
        self.scaler = scaler
        self.optimizer = optimizer
        self.has_stepped = False


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
        self._running: dict[int, list[_Step]] = {}
        self._scaling: dict[int, list[_Scaling]] = {}
        self._unsettled: list[_Step] = []
        """Stepped inside a pass, whose numbers lie on a device."""
        self._awaits_update = False
        self._last_scale: Reading | None = None
        self._n_steps = 0
        self._is_told = False
        self._latest: list[dict[str, Any]] = []

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
        if not (may_run_passes or self._is_due(optimizer)) or self._is_enough():
            return
        step = _Step(optimizer, depth, frame.f_code, self._journal.last_pass_index)
        self._running.setdefault(thread, []).append(step)
        with torch.no_grad():
            self._look_before(step, optimizer, may_run_passes=may_run_passes)
        step.is_whole = True

    def _is_due(self, optimizer: torch.optim.Optimizer) -> bool:
        if not self._owing:
            return False
        states = (self._leaves.find(one) for _, tensors in groups(optimizer) for one in tensors)
        return any(state is not None and state.id in self._owing for state in states)

    def _is_enough(self) -> bool:
        return self._n_steps >= _MOST_STEPS and not self._keeps_latest

    def _forget(self, thread: int, depth: int) -> None:
        """Steps as deep as this one, or deeper, are over, also if they raised."""
        running = self._running.get(thread)
        while running and running[-1].depth >= depth:
            running.pop()
        if running is not None and not running:
            del self._running[thread]

    def _look_before(self, step: _Step, optimizer: torch.optim.Optimizer, *, may_run_passes: bool = False) -> None:
        for number, (rates, tensors) in enumerate(groups(optimizer)):
            step.rates.append(_rates(rates, step.readings))
            for tensor in tensors:
                state = self._leaves.find(tensor)
                if (state is None and not may_run_passes) or len(step.changes) >= _MOST_PARAMETERS:
                    step.n_others += 1
                else:
                    step.changes.append(_Change(tensor, state, number))
        self._measure_before(step)
        self._look_at_gradients(step)
        for one in self._scaling.get(threading.get_ident(), ()):
            if one.optimizer is optimizer:
                step.scale = _scale_of(one.scaler, step.readings)

    def _measure_before(self, step: _Step) -> None:
        budgets: dict[str, int] = {}
        measured: list[tuple[_Change, torch.Tensor]] = []
        for change, tensor in _with_tensors(step.changes):
            if type(tensor) not in torch_facts.PLAIN_TYPES:
                change.type = type_name(tensor)
            elif may_read(tensor):
                measured.append((change, tensor))
                step.autocast = step.autocast or _autocast(tensor.device.type)
        for change, tensor in sorted(measured, key=lambda one: one[1].numel()):
            change.before = step.readings.norm(tensor)
            if tensor.numel() <= self._value_limit and tensor.is_cpu:
                change.value_before = plain_values(tensor.detach().tolist())
            self._copy(change, tensor, budgets)

    def _copy(self, change: _Change, tensor: torch.Tensor, budgets: dict[str, int]) -> None:
        place = str(tensor.device)
        left = budgets.setdefault(place, _COPIED if tensor.is_cpu else _COPIED_ON_DEVICE)
        size = tensor.numel() * tensor.element_size()
        if tensor.layout is torch.strided and size <= left:
            budgets[place] = left - size
            change.copy = tensor.detach().clone()

    def _look_at_gradients(self, step: _Step) -> None:
        thread = threading.get_ident()
        with self._leaves.touching():
            for change, tensor in _with_tensors(step.changes):
                change.gradient = change.quiet_rows = change.has_gradient = None
                if change.type is not None or change.state is None:
                    continue
                if not self._leaves.may_touch(change.state, thread):
                    continue
                gradient = tensor.grad
                change.has_gradient = gradient is not None
                if gradient is not None and may_read(gradient):
                    change.gradient = step.readings.norm(gradient)
                    if change.copy is not None and tensor.dim() > 1:
                        change.quiet_rows = _zero_rows(gradient)

    def has_stepped(self, optimizer: torch.optim.Optimizer) -> None:
        """Its `step` has been called, if it comes to that, by a `GradScaler`."""
        for one in self._scaling.get(threading.get_ident(), ()):
            if one.optimizer is optimizer:
                one.has_stepped = True

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
        if not (has_run_passes or self._is_due(optimizer)):
            return
        with torch.no_grad():
            self._look_after(mine, optimizer, has_run_passes=has_run_passes)
            self._write(mine, call, place, number)

    def _look_after(self, step: _Step, optimizer: torch.optim.Optimizer, *, has_run_passes: bool) -> None:
        if has_run_passes:
            for change, tensor in _with_tensors(step.changes):
                change.state = change.state or self._leaves.find(tensor)
            self._look_at_gradients(step)
        n_all = len(step.changes)
        step.changes = [change for change in step.changes if change.state is not None]
        step.n_others += n_all - len(step.changes)
        known = attributes(optimizer)
        found_inf = known.get("found_inf")  # what a scaler gives to an optimizer that looks by itself
        if may_read(found_inf) and found_inf.numel() == 1:
            step.found_inf = step.readings.number(found_inf)
        kept: Any = known.get("state")
        moments = {id(key): one for key, one in dict.items(kept)} if issubclass(type(kept), dict) else {}
        for change, tensor in _with_tensors(step.changes):
            if change.before is None or not may_read(tensor):
                continue
            change.after = step.readings.norm(tensor)
            if change.value_before is not None:
                change.value_after = plain_values(tensor.detach().tolist())
            self._compare(change, tensor, step.readings)
            change.moments = _moments(moments.get(id(tensor)), step.readings)

    def _compare(self, change: _Change, tensor: torch.Tensor, readings: Readings) -> None:
        copy, change.copy = change.copy, None
        if copy is None or copy.shape != tensor.shape or copy.dtype is not tensor.dtype or tensor.device != copy.device:
            return
        change.change = readings.distance(tensor, copy)
        if change.quiet_rows is not None and change.quiet_rows.device == tensor.device:
            quiet = change.quiet_rows
            if quiet.is_cpu and not quiet.any():
                change.moved = quiet
            else:
                change.moved = quiet & (tensor.detach() != copy).flatten(1).any(1)

    def _write(
        self, step: _Step, call: str, place: Place | None, number: int, *, is_skipped: bool | None = None
    ) -> None:
        step.record = {
            "t": "step",
            "pass_index": self._journal.last_pass_index,
            "began_after": step.began_after,
            "optimizer": number,
            "call": call,
            "location": self._journal.place(place),
            "n_others": step.n_others,
            "autocast": step.autocast,
            "is_skipped": is_skipped,
        }
        self._owing -= {change.state.id for change in step.changes if change.state is not None}
        if step.scale is not None:
            self._awaits_update, self._last_scale = True, step.scale
        if step.readings.is_settled or not self._leaves.is_any_running:
            self._finish(step)
        else:
            self._unsettled.append(step)

    def _finish(self, step: _Step) -> None:
        step.readings.settle()
        record = step.record
        if record["is_skipped"] is None:
            found = None if step.found_inf is None else step.found_inf.value
            record["is_skipped"] = bool(found) if found is not None else None if step.scale is None else False
        record["groups"] = [_plain_rates(rates) for rates in step.rates]
        record["rows"] = [change.row() for change in step.changes]
        record["scale"] = None if step.scale is None else step.scale.plain()
        self._put(record)

    def _put(self, record: dict[str, Any]) -> None:
        if self._keeps_latest:
            self._latest.append(record)
            return
        self._n_steps += record["t"] == "step"
        self._journal.write(record)

    def write_latest(self) -> None:
        """What is written at the end only, where all is kept of the latest pass alone."""
        latest, self._latest = self._latest, []
        for record in latest:
            self._journal.write(record)

    # Around what a GradScaler does.

    def scaling_begins(self, scaler: Any, optimizer: Any) -> bool:
        """`GradScaler.step` begins: it calls the optimizer's, unless it has found an infinity.

        Returns:
            whether this is a step to look at.
        """
        enabled = attributes(scaler).get("_enabled")
        if enabled is not True or not is_optimizer(optimizer) or not self._is_due(optimizer):
            return False
        self._scaling.setdefault(threading.get_ident(), []).append(_Scaling(scaler, optimizer))
        return True

    def scaling_ends(self, scaler: Any, place: Place | None, *, has_failed: bool) -> None:
        """`GradScaler.step` has ended; one that left the optimizer alone is a step that was skipped."""
        thread = threading.get_ident()
        inside = self._scaling.get(thread, [])
        if not inside or inside[-1].scaler is not scaler:
            return
        mine = inside.pop()
        if not inside:
            del self._scaling[thread]
        optimizer = mine.optimizer
        if has_failed or mine.has_stepped or self._is_enough():
            return
        step = _Step(optimizer, 0, _depth.__code__, self._journal.last_pass_index)
        with torch.no_grad():
            self._look_before(step, optimizer)
            step.scale = _scale_of(scaler, step.readings)
            for change in step.changes:
                change.copy = change.quiet_rows = None
                change.after, change.value_after = change.before, change.value_before
            call = f"{type_name(optimizer)}.step"
            self._write(step, call, place, self._optimizers.number(optimizer), is_skipped=True)

    def scale_updated(self, scaler: Any, place: Place | None) -> None:
        """`GradScaler.update` has run."""
        if not self._awaits_update:
            return
        self._awaits_update = False
        before, self._last_scale = self._last_scale, None
        readings = Readings()
        after = _scale_of(scaler, readings)
        if after is None or before is None:
            return
        readings.settle()
        self._put(
            {
                "t": "scale",
                "pass_index": self._journal.last_pass_index,
                "before": before.plain(),
                "after": after.plain(),
                "location": self._journal.place(place),
            }
        )

    @property
    def awaits_update(self) -> bool:
        """Whether the next `GradScaler.update` follows a step that was looked at."""
        return self._awaits_update

    def after_fork(self) -> None:
        """The child has begun no step, and knows no leaf."""
        self._owing.clear()
        self._running.clear()
        self._scaling.clear()
        self._latest.clear()
        self._unsettled.clear()
        self._awaits_update, self._last_scale = False, None


def _scale_of(scaler: Any, readings: Readings) -> Reading | None:
    scale = attributes(scaler).get("_scale")
    return readings.number(scale) if may_read(scale) and scale.numel() == 1 else None


def _depth(frame: types.FrameType | None, code: types.CodeType) -> int:
    """How many steps run inside each other at this frame."""
    depth = 0
    while frame is not None:
        depth += frame.f_code is code
        frame = frame.f_back
    return depth


def _with_tensors(changes: list[_Change]) -> Iterator[tuple[_Change, torch.Tensor]]:
    for change in changes:
        tensor = change.reference()
        if tensor is not None:
            yield change, tensor


def _zero_rows(gradient: torch.Tensor) -> torch.Tensor | None:
    """Which rows of a gradient are zero throughout."""
    if gradient.layout is torch.strided:
        return _are_zero(gradient.detach()) if gradient.numel() else None
    if gradient.layout is not torch.sparse_coo or gradient.sparse_dim() != 1:
        return None
    known = gradient.detach().coalesce()
    rows = torch.ones(known.shape[0], dtype=torch.bool, device=known.device)
    if known.values().numel():
        rows[known.indices()[0]] = _are_zero(known.values())
    return rows


def _are_zero(rows: torch.Tensor) -> torch.Tensor:
    """Which rows are zero throughout: the largest absolute value tells it several times as fast as `any`."""
    return rows.flatten(1).abs().amax(1) == 0


def _autocast(device: str) -> str | None:
    """The dtype of autocast, where it is on for a kind of device."""
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return None
    return torch_facts.short_dtype(torch.get_autocast_dtype(device))


def _rates(group: dict[str, Any], readings: Readings) -> list[tuple[str, Any]]:
    """The numbers of a param group, by name: plain ones, tensors of one element, pairs of these."""
    found: list[tuple[str, Any]] = []
    for name, value in group.items():
        if type(name) is not str or name == "params":
            continue
        rate = _rate(value, readings)
        if rate is None and type(value) in (tuple, list):
            parts = [_rate(one, readings) for one in value]
            rate = parts if parts and all(one is not None for one in parts) else None
        if rate is not None and len(found) < _MOST_RATES:
            found.append((name, rate))
    return found


def _rate(value: Any, readings: Readings) -> Any:
    kind = type(value)
    if kind is bool or kind is float or (kind is int and -_LARGEST_INTEGER <= value < _LARGEST_INTEGER):
        return value
    return readings.number(value) if is_tensor(value) and may_read(value) and value.numel() == 1 else None


def _plain_rates(rates: list[tuple[str, Any]]) -> dict[str, Any]:
    def plain(rate: Any) -> Any:
        if type(rate) is list:
            return [plain(one) for one in rate]
        return rate.plain() if type(rate) is Reading else plain_values(rate)

    return {plain_text(name): plain(rate) for name, rate in rates}


def _moments(kept: Any, readings: Readings) -> list[tuple[str, Reading]]:
    """What the optimizer keeps of one parameter: norms of tensors, and single numbers as they are."""
    found: list[tuple[str, Reading]] = []
    for name, value in copied(kept).items():
        if type(name) is not str or len(found) >= _MOST_MOMENTS:
            continue
        if type(value) in (int, float) and abs(value) < _LARGEST_INTEGER:
            found.append((name, Reading(value)))
        elif is_tensor(value) and may_read(value):
            single = value.dim() == 0 and not value.is_complex()
            found.append((name, readings.number(value) if single else readings.norm(value)))
    return found
