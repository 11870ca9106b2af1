"""Parameters around a step: each before and after, its gradient, and the rows that moved without one.

To know the norm of a change takes a copy of the parameter for as long as the step runs: small ones first, until a
fixed amount of memory is used. Parameters alike are copied, measured and compared together.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.alike import Key, as_rows, copied_rows, sorted_out
from gradtrace.recorder.leaves import LeafState, Leaves
from gradtrace.recorder.looking import type_name
from gradtrace.recorder.measure import plain_values
from gradtrace.recorder.numerals import Elements, Numerals
from gradtrace.recorder.readings import Reading, Readings, may_read, row_norms
from gradtrace.recorder.stream import encode, plain_text

_MOST_ROWS = 8
"""So many of the rows that moved without a gradient are named."""
_COPIED = 512 << 20
"""Bytes of parameters that are copied while a step runs, in the memory of the CPU."""
_COPIED_ON_DEVICE = 64 << 20
_MANY = 1 << 16
"""Elements of a gradient of whose rows a few are looked at first."""
_FEW = 3
_TRUTH = {None: "null", False: "false", True: "true"}


class Change:
    """One parameter, before the step and after."""

    type: str | None = None
    before: Reading | None = None
    after: Reading | None = None
    change: Reading | None = None
    gradient: Reading | None = None
    has_gradient: bool | None = None
    value_before: Any = None
    value_after: Any = None
    value_gradient: Any = None
    moments: Sequence[tuple[str, Reading]] = ()
    value_moments: Sequence[tuple[str, Any]] = ()
    copy: torch.Tensor | None = None
    quiet_rows: torch.Tensor | bool | None = None
    """Which rows of the gradient are zero, as far as that was asked; False for none of them."""
    moved: list[int] | None = None
    """Of these, which rows of the parameter moved."""

    def __init__(self, tensor: torch.Tensor, state: LeafState | None, group: int) -> None:
        self.reference = weakref.ref(tensor)
        self.state = state
        """None as long as no pass has met it."""
        self.group = group

    def row(self, numerals: Numerals) -> str:
        """As a row of the form of its step."""
        number, elements = numerals.number, numerals.elements
        moved = self.moved
        rows = "null,[]" if moved is None else f"{len(moved)},{moved[:_MOST_ROWS]}"
        return (
            f"[{'null' if self.state is None else self.state.id},{self.group},"
            f"{number(self.before)},{number(self.after)},{number(self.change)},"
            f"{_TRUTH[self.has_gradient]},{number(self.gradient)},"
            f"{elements(self.value_before)},{elements(self.value_after)},"
            f"[{','.join([f'[{encode(plain_text(name))},{number(one)}]' for name, one in self.moments])}],"
            f"{rows},{'null' if self.type is None else encode(plain_text(self.type))},"
            f"{elements(self.value_gradient)},"
            f"[{','.join([f'[{encode(plain_text(name))},{elements(one)}]' for name, one in self.value_moments])}]]"
        )


class _Batch:
    """Parameters alike; or one alone, without a key."""

    __slots__ = ("changes", "copy", "key", "numel")

    def __init__(self, changes: list[Change], key: Key | None, numel: int) -> None:
        self.changes = changes
        self.key = key
        self.numel = numel
        self.copy: torch.Tensor | None = None
        """The first of them, as far as there was room, as they were before the step, each a row."""


class _Budgets:
    """How many bytes may still be copied, by device."""

    def __init__(self) -> None:
        self._left: dict[torch.device, int] = {}

    def take(self, tensor: torch.Tensor, n_parts: int, size: int) -> int:
        """How many of so many parts of one size there is room for, which then is taken."""
        left = self._left.setdefault(tensor.device, _COPIED if tensor.is_cpu else _COPIED_ON_DEVICE)
        n_copied = min(n_parts, left // size) if size else n_parts
        self._left[tensor.device] = left - n_copied * size
        return n_copied


class ParameterChanges:
    """The parameters of one step.

    Args:
        value_limit: of parameters with at most so many elements, the elements are recorded.
    """

    def __init__(self, readings: Readings, value_limit: int) -> None:
        self.all: list[Change] = []
        self._readings = readings
        self._value_limit = value_limit
        self._batches: list[_Batch] = []
        self._moved: list[tuple[list[Change], torch.Tensor]] = []
        """Which rows of each moved, as far as that still lies on a device."""

    def living(self) -> Iterator[tuple[Change, torch.Tensor]]:
        """Those whose tensor is still there, with it."""
        for change in self.all:
            tensor = change.reference()
            if tensor is not None:
                yield change, tensor

    # Before the step.

    def measure_before(self) -> list[torch.device]:
        """Measure and copy the parameters.

        Returns:
            where they lie.
        """
        plain: list[tuple[Change, torch.Tensor]] = []
        for change, tensor in self.living():
            if type(tensor) in torch_facts.PLAIN_TYPES:
                plain.append((change, tensor))
            else:
                change.type = type_name(tensor)
        together, alone = sorted_out([tensor for _, tensor in plain])
        jobs = [(_Batch([plain[at][0] for at in found], key, key[0].numel()), found) for key, found in together]
        for at in alone:
            change, tensor = plain[at]
            jobs.append((_Batch([change], None, tensor.numel() if may_read(tensor) else -1), [at]))
        self._batches = [batch for batch, _ in jobs]
        budgets = _Budgets()
        for batch, found in sorted(jobs, key=lambda job: job[0].numel):
            tensors = [plain[at][1] for at in found]
            if batch.key is not None and self._begin_together(batch, tensors, budgets):
                continue
            if batch.numel >= 0:
                for change, tensor in zip(batch.changes, tensors, strict=True):
                    self._begin_alone(change, tensor, budgets)
        return list(dict.fromkeys(plain[found[0]][1].device for batch, found in jobs if batch.numel >= 0))

    def _begin_together(self, batch: _Batch, tensors: list[torch.Tensor], budgets: _Budgets) -> bool:
        rows = copied_rows(tensors)
        if rows is None or batch.key is None:
            return False
        for change, reading in zip(batch.changes, self._readings.row_norms(rows), strict=True):
            change.before = reading
        if batch.numel <= self._value_limit and rows.is_cpu:
            for change, value in zip(batch.changes, _values(rows, batch.key), strict=True):
                change.value_before = value
        n_copied = budgets.take(rows, len(tensors), batch.numel * rows.element_size())
        if n_copied:
            batch.copy = rows if n_copied == len(tensors) else rows[:n_copied].clone()
        return True

    def _begin_alone(self, change: Change, tensor: torch.Tensor, budgets: _Budgets) -> None:
        change.before = self._readings.norm(tensor)
        if tensor.numel() <= self._value_limit and tensor.is_cpu:
            change.value_before = plain_values(tensor.detach().tolist())
        if tensor.layout is torch.strided and budgets.take(tensor, 1, tensor.numel() * tensor.element_size()):
            change.copy = tensor.detach().clone()

    # Gradients.

    def forget_gradients(self) -> None:
        """Passes have run since these were looked at."""
        for change in self.all:
            change.gradient = change.quiet_rows = change.has_gradient = change.value_gradient = None

    def look_at_gradients(self, leaves: Leaves) -> None:
        """Measure what lies in `.grad`, of the parameters that this thread may look at."""
        thread = threading.get_ident()
        with leaves.touching():
            may_touch_all = leaves.is_alone(thread)
            for batch in self._batches:
                found: list[tuple[int, torch.Tensor]] = []
                for position, change in enumerate(batch.changes):
                    tensor = change.reference()
                    if tensor is None or change.state is None:
                        continue
                    if not (may_touch_all or leaves.may_touch(change.state, thread)):
                        continue
                    gradient = tensor.grad
                    change.has_gradient = gradient is not None
                    if gradient is not None:
                        found.append((position, gradient))
                self._measure_gradients(batch, found)

    def _measure_gradient(self, batch: _Batch, position: int, gradient: torch.Tensor) -> None:
        change = batch.changes[position]
        change.gradient = self._readings.norm(gradient)
        if change.value_before is not None and gradient.is_cpu and gradient.layout is torch.strided:
            change.value_gradient = plain_values(gradient.detach().tolist())
        tensor = change.reference()
        is_copied = change.copy is not None or _n_rows(batch.copy) > position
        if is_copied and tensor is not None and tensor.dim() > 1:
            change.quiet_rows = _zero_rows(gradient)

    def _measure_gradients(self, batch: _Batch, found: list[tuple[int, torch.Tensor]]) -> None:
        rows = None if batch.key is None else as_rows([gradient for _, gradient in found], batch.key)
        if batch.key is None or rows is None:
            for position, gradient in found:
                if may_read(gradient):
                    self._measure_gradient(batch, position, gradient)
            return
        for (position, _), reading in zip(found, self._readings.row_norms(rows), strict=True):
            batch.changes[position].gradient = reading
        if found and batch.changes[found[0][0]].value_before is not None and rows.is_cpu:
            for (position, _), value in zip(found, _values(rows, batch.key), strict=True):
                batch.changes[position].value_gradient = value
        shape = batch.key[0]
        if len(shape) > 1 and batch.copy is not None:
            quiet = _quiet_rows(rows.view(len(found) * shape[0], -1))
            split: Any = [False] * len(found) if quiet is None else quiet.view(len(found), shape[0]).unbind()
            for (position, _), one in zip(found, split, strict=True):
                if position < _n_rows(batch.copy):
                    batch.changes[position].quiet_rows = one

    # After the step.

    def keep_known(self) -> int:
        """Let go of those that no pass has met.

        Returns:
            how many these are.
        """
        n_all = len(self.all)
        self.all = [change for change in self.all if change.state is not None]
        return n_all - len(self.all)

    def measure_after(self) -> None:
        """Measure the parameters once more, and compare them with their copies."""
        for batch in self._batches:
            tensors = [change.reference() for change in batch.changes]
            living = [tensor for tensor in tensors if tensor is not None]
            rows = as_rows(living, batch.key) if batch.key is not None and len(living) == len(tensors) else None
            if rows is not None and batch.key is not None and batch.changes[0].before is not None:
                self._end_together(batch, rows, batch.key)
            else:
                for position, (change, tensor) in enumerate(zip(batch.changes, tensors, strict=True)):
                    if tensor is not None and change.before is not None and may_read(tensor):
                        if batch.key is not None and _n_rows(batch.copy) > position:
                            change.copy = batch.copy[position].view(batch.key[0])  # type: ignore[index]
                        self._end_alone(change, tensor)
                    change.copy = change.quiet_rows = None
            batch.copy = None

    def _end_together(self, batch: _Batch, rows: torch.Tensor, key: Key) -> None:
        changes, copy = batch.changes, batch.copy
        for change, reading in zip(changes, self._readings.row_norms(rows), strict=True):
            change.after = reading
        if changes[0].value_before is not None:
            for change, value in zip(changes, _values(rows, key), strict=True):
                change.value_after = value
        if copy is None:
            return
        rows = rows[: len(copy)]
        self._look_for_moves(changes[: len(copy)], rows, copy)
        for change, reading in zip(changes, self._readings.row_distances(rows, copy), strict=False):
            change.change = reading

    def _look_for_moves(self, changes: list[Change], rows: torch.Tensor, copy: torch.Tensor) -> None:
        asked = []
        for position, change in enumerate(changes):
            if type(change.quiet_rows) is bool:
                change.moved = []
            elif change.quiet_rows is not None and change.quiet_rows.device == rows.device:
                asked.append((position, change.quiet_rows))
            change.quiet_rows = None
        if asked:
            if len(asked) < len(copy):
                positions = torch.tensor([position for position, _ in asked]).to(rows.device)
                rows, copy = rows.index_select(0, positions), copy.index_select(0, positions)
            quiet = torch.stack([one for _, one in asked])
            moved = quiet & (rows != copy).view(*quiet.shape, -1).any(2)
            self._moved.append(([changes[position] for position, _ in asked], moved))

    def _end_alone(self, change: Change, tensor: torch.Tensor) -> None:
        change.after = self._readings.norm(tensor)
        if change.value_before is not None:
            change.value_after = plain_values(tensor.detach().tolist())
        copy, quiet = change.copy, change.quiet_rows
        if copy is None or copy.shape != tensor.shape or copy.dtype is not tensor.dtype or tensor.device != copy.device:
            return
        if type(quiet) is bool:
            change.moved = []
        elif quiet is not None and quiet.device == tensor.device:
            moved = quiet & (tensor.detach() != copy).flatten(1).any(1)
            self._moved.append(([change], moved.unsqueeze(0)))
        change.change = self._readings.distance(tensor, copy)

    def stay(self) -> None:
        """The step was skipped: they are after it what they were before."""
        for batch in self._batches:
            batch.copy = None
        for change in self.all:
            change.copy = change.quiet_rows = None
            change.after, change.value_after = change.before, change.value_before

    def settle(self) -> None:
        """Fetch what still lies on a device, apart from readings."""
        waiting, self._moved = self._moved, []
        for changes, moved in waiting:
            found: list[list[int]] = [[] for _ in changes]
            for position, row in torch.nonzero(moved).tolist():
                found[position].append(row)
            for change, rows in zip(changes, found, strict=True):
                change.moved = rows

    def rows(self, numerals: Numerals) -> str:
        """The rows of the form of the step."""
        return ",".join([change.row(numerals) for change in self.all])


def _n_rows(copy: torch.Tensor | None) -> int:
    return 0 if copy is None else len(copy)


def _values(rows: torch.Tensor, key: Key) -> list[Any]:
    """The elements of each row."""
    shape = key[0]
    lists = rows.tolist()
    if math.isfinite(sum(map(sum, lists))):
        return [Elements(one, shape) for one in lists]
    return plain_values(rows.view(len(rows), *shape).tolist())  # type: ignore[no-any-return]


def _zero_rows(gradient: torch.Tensor) -> torch.Tensor | bool | None:
    """Which rows of a gradient are zero throughout; False for none."""
    if gradient.layout is torch.strided:
        return _or_none(_quiet_rows(gradient.detach().flatten(1))) if gradient.numel() else None
    if gradient.layout is not torch.sparse_coo or gradient.sparse_dim() != 1:
        return None
    known = gradient.detach().coalesce()
    rows = torch.ones(known.shape[0], dtype=torch.bool, device=known.device)
    if known.values().numel():
        rows[known.indices()[0]] = _are_zero(known.values())
    return rows


def _or_none(quiet: torch.Tensor | None) -> torch.Tensor | bool:
    return False if quiet is None else quiet


def _quiet_rows(rows: torch.Tensor) -> torch.Tensor | None:
    """Which of some rows are zero throughout; None for none.

    A sum of squares that is above zero tells it at once, of floats on the CPU; one that is zero may have underflowed.
    """
    if not (rows.is_cpu and rows.is_floating_point()):
        quiet = _are_zero(rows)
    elif rows.numel() > _MANY and int((left := _may_be_zero(rows)).sum()) < len(rows) // _FEW:
        quiet = left
        quiet[left.clone()] = _are_zero(rows[left])
    elif row_norms(rows).min().item() > 0:
        return None
    else:
        quiet = _are_zero(rows)
    return None if quiet.is_cpu and not quiet.any() else quiet


def _may_be_zero(rows: torch.Tensor) -> torch.Tensor:
    """Of which rows a few elements are all zero: of most gradients hardly any, and the rest need not be read."""
    return (rows[:, :: max(1, rows.shape[1] // _FEW)] == 0).all(1)


def _are_zero(rows: torch.Tensor) -> torch.Tensor:
    """Which rows are zero throughout: the largest and smallest element tell it several times as fast as `any`."""
    flat = rows.flatten(1)
    if flat.is_complex():
        return flat.abs().amax(1) == 0
    return (flat.amax(1) == 0) & (flat.amin(1) == 0)
