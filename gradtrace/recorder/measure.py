"""What is measured of a tensor.

Small tensors are recorded with all their values, from which the reader takes every statistic; of the others the
default level takes the 2-norm, which also tells whether a NaN or an infinity is among them. On an accelerator nothing
is read back before the pass is over: the numbers stay on the device in `Measurements` and are fetched together, so
that no hook waits for the device.

What is measured often is kept as columns: which shape and dtype, which form (`Form`), and the numbers one after
another as doubles. What is rare (complex numbers, whole numbers, layouts that are not strided) is a row of its own.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

import torch

from gradtrace.model.format import N_NUMBERS, Form
from gradtrace.model.kinds import Level
from gradtrace.recorder import torch_facts
from gradtrace.recorder.columns import Columns
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.stream import plain_number
from gradtrace.recorder.tables import FLOATS, Spec, Tables

_HALF = frozenset({torch.float16, torch.bfloat16})
_EXACT = frozenset({torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool})
_PLAIN = torch_facts.PLAIN_TYPES
_VALUES = int(Form.VALUES)
_functorch_is_active = torch_facts.functorch_is_active
_is_functorch_wrapped = torch_facts.is_functorch_wrapped


def is_readable(tensor: torch.Tensor) -> bool:
    """Whether its elements can be read without surprising anybody."""
    if type(tensor) not in _PLAIN or tensor.is_meta or _functorch_is_active() or tensor.is_nested:
        return False
    if _is_functorch_wrapped(tensor):
        return False  # what `torch.func.vjp` returns lives on after it
    return tensor.is_cpu or not torch_facts.is_capturing()


def has_memory(tensor: torch.Tensor) -> bool:
    """Whether there is anything behind it: the storage of a sharded parameter is freed while nobody uses it."""
    if tensor.layout is not torch.strided:
        return True
    return not tensor.numel() or tensor.untyped_storage().nbytes() > 0


def values(tensor: torch.Tensor) -> Any:
    """All elements of a tensor that requires no grad, in nested lists, as JSON can hold them."""
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    found = tensor.tolist()
    return found if tensor.dtype in _EXACT else _plain(found)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, complex):
        return str(value).strip("()")
    return plain_number(value) if isinstance(value, float) else value


def flat_values(tensor: torch.Tensor) -> list[float]:
    """All elements of a strided tensor, in order."""
    found: Any = tensor.tolist()
    n_dimensions = tensor.dim()
    if n_dimensions == 2:  # noqa: PLR2004 - by far the most often
        return [one for row in found for one in row]
    for _ in range(n_dimensions - 1):
        found = [one for row in found for one in row]
    return found if n_dimensions else [found]


def small_values(tensor: torch.Tensor) -> list[float] | None:
    """All elements of an ordinary tensor of few elements on the CPU; None of any other, which `add` must look at."""
    if (
        type(tensor) not in _PLAIN
        or not tensor.is_cpu
        or tensor.layout is not torch.strided
        or tensor.is_nested
        or _functorch_is_active()
        or _is_functorch_wrapped(tensor)
    ):
        return None
    try:
        return flat_values(tensor)
    except RuntimeError as error:  # zeros that torch never wrote anywhere
        if is_foreign(error):
            raise
        return None


class Measurements:
    """The statistics of one pass, numbered in order of measurement."""

    def __init__(self, tables: Tables, value_limit: int, level: Level) -> None:
        self.value_limit = value_limit
        self.level = level
        self.tables = tables
        self._specs = array("I")
        self._forms = array("B")
        self._starts = array("q")
        """Where the numbers of each begin."""
        self._numbers = array("d")
        self._rows: dict[int, list[Any]] = {}
        """By number, those that are rows."""
        self._pending: list[tuple[int, torch.Tensor]] = []
        self._copies: list[tuple[int, int]] = []
        """Which have the numbers of which: known when these are."""
        self._written = (0, 0)
        self.is_pending = False
        """Some lie, or lay, on a device: nothing can be written before `settle`."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._forms)

    def numel(self, number: int) -> int:
        """How many elements the tensor has."""
        return self.tables.numel(self._specs[number])

    def add(self, tensor: torch.Tensor, level: Level | None = None) -> int:
        """Measure a tensor, and return the number of its statistics; must be called with torch functions disabled."""
        spec = self.tables.spec(torch_facts.shape(tensor), tensor.dtype)
        if self.level == Level.STRUCTURE or not is_readable(tensor):
            return self._append(spec, Form.UNKNOWN)
        level = level or self.level
        try:
            return self._measure(spec, tensor.detach() if tensor.requires_grad else tensor, level)
        except RuntimeError as error:  # zeros that torch never wrote anywhere, or a layout without the operations
            if is_foreign(error):
                raise
            if tensor._is_zerotensor():
                return self._measure(spec, tensor.detach().clone(), level)
            return self._append(spec, Form.UNKNOWN)

    def add_known(self, spec: Spec, tensor: torch.Tensor) -> int:
        """As `add`, of a tensor whose shape and dtype are known; the ordinary small one takes a shorter way."""
        elements = small_values(tensor) if spec.is_small_float else None
        return self.add(tensor) if elements is None else self.add_values(spec, elements)

    def add_values(self, spec: Spec, elements: list[float]) -> int:
        """All values of a tensor of a dtype that doubles hold."""
        number = len(self._forms)
        self._specs.append(spec.number)
        self._forms.append(_VALUES)
        self._starts.append(len(self._numbers))
        self._numbers.extend(elements)
        return number

    def add_nested(self, spec: Spec, elements: Any) -> int:
        """All values of a tensor of another dtype, in nested lists that JSON can hold."""
        return self._append_row(spec, [*[None] * 7, elements])

    def add_reshaped(self, number: int, shape: torch.Size, dtype: torch.dtype) -> int:
        """The same elements in another shape: the same statistics."""
        copy = self._append(self.tables.spec(shape, dtype), Form(self._forms[number]))
        self._copies.append((copy, number))
        start = self._starts[number]
        self._numbers.extend(self._numbers[start : start + self._n_numbers(number)])
        if number in self._rows:
            self._rows[copy] = self._rows[number]
        return copy

    def row(self, number: int | None) -> list[Any] | None:
        """All that is known of one, for a record that is written rarely: `StatsRow`; None for none."""
        if number is None:
            return None
        shape, dtype = self.tables.described(self._specs[number])
        return [shape, dtype, self.numel(number), *self._tail(number, shape)]

    def _tail(self, number: int, shape: list[int]) -> list[Any]:
        form, start = self._forms[number], self._starts[number]
        if form == Form.ROW:
            return self._rows[number]
        found = list(map(plain_number, self._numbers[start : start + self._n_numbers(number)]))
        if form == Form.VALUES:
            return [*[None] * 7, nested(found, shape)]
        if form == Form.FULL:
            return [*found[:4], *map(int, found[4:]), None]
        if form == Form.NORM:
            return [*found, None, None, None, 0, 0, None, None]
        return [*found, *[None] * (8 - len(found))]

    def split(self) -> tuple[int, int]:
        """Where those that come end, and those that follow begin."""
        return len(self._forms), len(self._numbers)

    def take(self, until: tuple[int, int] | None = None) -> tuple[Columns, array[float], list[list[Any]]]:
        """What was not taken before: specs and forms, the numbers, and rows; up to a place where `split` was asked."""
        (first, first_number), (last, last_number) = self._written, until or self.split()
        self._written = (last, last_number)
        columns = {"spec": self._specs[first:last], "form": self._forms[first:last]}
        rows = [row for number, row in self._rows.items() if first <= number < last]
        return columns, self._numbers[first_number:last_number], rows

    def _n_numbers(self, number: int) -> int:
        form = self._forms[number]
        return self.numel(number) if form == Form.VALUES else N_NUMBERS[form]

    def _append(self, spec: Spec, form: Form) -> int:
        number = len(self._forms)
        self._specs.append(spec.number)
        self._forms.append(form)
        self._starts.append(len(self._numbers))
        return number

    def _append_row(self, spec: Spec, tail: list[Any]) -> int:
        number = self._append(spec, Form.ROW)
        self._rows[number] = tail
        return number

    def _measure(self, spec: Spec, tensor: torch.Tensor, level: Level) -> int:
        on_cpu = tensor.is_cpu
        numel = spec.numel
        if numel <= self.value_limit:
            if tensor.dtype in FLOATS and tensor.layout is torch.strided:
                if on_cpu:
                    elements = flat_values(tensor)  # first: it may fail
                    return self.add_values(spec, elements)
                return self._wait(spec, Form.VALUES, tensor.clone())
            if on_cpu:
                return self._append_row(spec, [*[None] * 7, values(tensor)])
            number = self._append_row(spec, [None] * 8)
            self._pending.append((number, tensor.clone()))
            self.is_pending = True
            return number
        stored = tensor
        if tensor.layout is not torch.strided:
            stored = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
        if not stored.numel():
            return self._append_row(spec, [0.0, None, None, None, 0, 0, numel, None])
        norm = _norm(stored)
        if not on_cpu:
            return self._wait(spec, Form.NORM, norm)
        return self._statistics(spec, stored, norm.item(), level)

    def _statistics(self, spec: Spec, stored: torch.Tensor, norm: float, level: Level) -> int:
        n_nan = n_inf = 0
        if math.isfinite(norm):
            if level != Level.FULL:
                number = self._append(spec, Form.NORM)
                self._numbers.append(norm)
                return number
        else:
            n_nan, n_inf = int(torch.isnan(stored).sum()), int(torch.isinf(stored).sum())
            if not n_nan and not n_inf:  # the squares overflowed, the elements did not
                wide = torch.complex128 if stored.is_complex() else torch.float64
                norm = torch_facts.vector_norm(stored.to(wide)).item()
        if level != Level.FULL:
            return self._append_row(spec, [plain_number(norm), None, None, None, n_nan, n_inf, None, None])
        zero = spec.numel - int(torch.count_nonzero(stored))
        if stored.is_complex() or stored.dtype is torch.bool or stored.numel() != spec.numel:
            return self._append_row(spec, [plain_number(norm), None, None, None, n_nan, n_inf, zero, None])
        low, high = torch.aminmax(stored)
        wide_enough = stored.dtype in (torch.float32, torch.float64)
        mean = (stored if wide_enough else stored.to(torch.float64)).mean()
        if stored.dtype not in FLOATS:
            bounds = [low.item(), high.item(), plain_number(mean.item())]
            return self._append_row(spec, [plain_number(norm), *bounds, n_nan, n_inf, zero, None])
        number = self._append(spec, Form.FULL)
        self._numbers.extend((norm, low.item(), high.item(), mean.item(), n_nan, n_inf, zero))
        return number

    def _wait(self, spec: Spec, form: Form, tensor: torch.Tensor) -> int:
        """Make room for numbers that still lie on a device."""
        number = self._append(spec, form)
        self._numbers.extend([math.nan] * self._n_numbers(number))
        self._pending.append((number, tensor))
        self.is_pending = True
        return number

    def settle(self) -> None:
        """Fetch what still lies on a device."""
        for number, tensor in self._pending:
            self._fill(number, tensor)
        if self._pending:
            for copy, number in self._copies:
                self._forms[copy] = self._forms[number]
                n, start, own = self._n_numbers(number), self._starts[number], self._starts[copy]
                self._numbers[own : own + n] = self._numbers[start : start + n]
        self._pending.clear()
        self._copies.clear()

    def _fill(self, number: int, tensor: torch.Tensor) -> None:
        start = self._starts[number]
        if self._forms[number] == Form.ROW:
            self._rows[number][-1] = values(tensor)
        elif self._forms[number] == Form.VALUES:
            self._numbers[start : start + self.numel(number)] = array("d", flat_values(tensor))
        else:
            norm = self._numbers[start] = tensor.item()
            if not math.isfinite(norm):
                self._forms[number] = Form.NORM_ALONE


def nested(elements: list[Any], shape: list[int]) -> Any:
    """Elements in order as nested lists."""
    if not shape:
        return elements[0]
    for extent in reversed(shape[1:]):
        elements = [elements[first : first + extent] for first in range(0, len(elements), extent)] if extent else []
    return elements


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    dtype = tensor.dtype
    if dtype is torch.float32 or dtype is torch.float64:
        return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]
    if dtype in _HALF:
        return torch_facts.vector_norm(tensor, dtype=torch.float32)  # type: ignore[no-any-return]
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return torch_facts.vector_norm(tensor.to(torch.float64))  # type: ignore[no-any-return]
    return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]
