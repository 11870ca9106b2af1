"""What is measured of a tensor.

Small tensors are recorded with all their values, from which the reader takes every statistic; of the others that is
taken which somebody reads (`gradtrace.model.needs`). A 2-norm tells by itself whether a NaN or an infinity is among
them. On an accelerator nothing is read back before the pass is over: the numbers stay on the device in `Measurements`
and are fetched together, so that no hook waits for the device.

What is measured often is kept as columns: which shape and dtype, which form (`Form`), and the numbers one after
another as doubles. What is rare (complex numbers, whole numbers, layouts that are not strided) is a row of its own.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from gradtrace.model.format import N_NUMBERS, UNKNOWN_EXTENT, Form, nested
from gradtrace.model.needs import ALL, Statistic
from gradtrace.recorder import torch_facts
from gradtrace.recorder.columns import Columns
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.stream import plain_number
from gradtrace.recorder.tables import FLOATS, Spec, Tables

HALF = frozenset({torch.float16, torch.bfloat16})
_EXACT = frozenset({torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool})
_PLAIN = torch_facts.PLAIN_TYPES
_VALUES, _NORM = int(Form.VALUES), int(Form.NORM)
_STRIDED = torch.strided
_functorch_is_active = torch_facts.functorch_is_active
_is_functorch_wrapped = torch_facts.is_functorch_wrapped

_OF_NORM = frozenset({Statistic.NORM, Statistic.FINITE, Statistic.VALUES})
"""What the norm tells, or small tensors do."""
_COUNTED = frozenset({Statistic.ZEROS, Statistic.ALL_ZERO})


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


def begins_otherwise(tensor: torch.Tensor) -> bool:
    """Whether its first element tells that it is not all zero."""
    return tensor.layout is torch.strided and bool(tensor.detach().as_strided((1,), (1,)).item())


def values(tensor: torch.Tensor) -> Any:
    """All elements of a tensor that requires no grad, in nested lists, as JSON can hold them."""
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    found = tensor.tolist()
    return found if tensor.dtype in _EXACT else plain_values(found)


def plain_values(value: Any) -> Any:
    """Numbers, or nested lists of them, as JSON can hold them."""
    if isinstance(value, list):
        return [plain_values(one) for one in value]
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


def readable_values(tensor: torch.Tensor) -> list[float] | None:
    """All elements of a tensor of few elements that is readable, on the CPU; None of one that `add` must look at."""
    if tensor.layout is not _STRIDED:
        return None
    try:
        return flat_values(tensor)
    except RuntimeError as error:  # zeros that torch never wrote anywhere
        if is_foreign(error):
            raise
        return None


class Measurements:
    """The statistics of one pass, numbered in order of measurement."""

    def __init__(self, tables: Tables, value_limit: int, statistics: frozenset[Statistic]) -> None:
        self.value_limit = value_limit
        self.statistics = statistics
        self._takes_norms = bool(statistics) and statistics <= _OF_NORM
        self.tables = tables
        self._entries = array("q")
        """Of each three: shape and dtype, form, where its numbers begin. All are there at once, and after the numbers:
        whatever a signal's handler raises in between, what is there is whole."""
        self._numbers = array("d")
        self._rows: dict[int, list[Any]] = {}
        """By number, those that are rows."""
        self._pending: list[tuple[int, torch.Tensor]] = []
        self._waiting: set[int] = set()
        """Of which nothing is known yet."""
        self._copies: list[tuple[int, int]] = []
        """Which have the numbers of which: known when these are."""
        self._strange: set[int] = set()
        self._looked = (0, 0)
        """Up to here values were looked through for what is strange."""
        self._n_strange = 0
        self._written = (0, 0)
        self.is_pending = False
        """Some lie, or lay, on a device: nothing can be written before `settle`."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries) // 3

    def _spec(self, number: int) -> int:
        return self._entries[3 * number]

    def _form(self, number: int) -> int:
        return self._entries[3 * number + 1]

    def _start(self, number: int) -> int:
        return self._entries[3 * number + 2]

    def _set_form(self, number: int, form: Form) -> None:
        self._entries[3 * number + 1] = form

    def numel(self, number: int) -> int:
        """How many elements the tensor has."""
        return self.tables.numels[self._spec(number)]

    def add(self, tensor: torch.Tensor, statistics: frozenset[Statistic] | None = None) -> int:
        """Measure a tensor, and return the number of its statistics; must be called with torch functions disabled."""
        if type(tensor) not in _PLAIN:
            return self._add_other(tensor, self.statistics if statistics is None else statistics)
        spec = self.tables.spec(torch_facts.any_shape(tensor), tensor.dtype)
        return self._add(spec, tensor, self.statistics if statistics is None else statistics)

    def _add_other(self, tensor: torch.Tensor, asked: frozenset[Statistic]) -> int:
        """One of a subclass; whatever its code raises, the next is looked at."""
        try:
            part = torch_facts.local_part(tensor)
            return self._add(self.tables.spec(torch_facts.any_shape(part), part.dtype), part, asked)
        except Exception as error:
            if is_foreign(error):
                raise
            return self._append(self.tables.spec((UNKNOWN_EXTENT,), torch_facts.dtype(tensor)), Form.UNKNOWN)

    def _add(self, spec: Spec, tensor: torch.Tensor, asked: frozenset[Statistic]) -> int:
        if not asked or not is_readable(tensor):
            return self._append(spec, Form.UNKNOWN)
        try:
            return self._measure(spec, tensor.detach() if tensor.requires_grad else tensor, asked)
        except RuntimeError as error:  # zeros that torch never wrote anywhere, or a layout without the operations
            if is_foreign(error):
                raise
            if tensor._is_zerotensor():
                return self._measure(spec, tensor.detach().clone(), asked)
            return self._append(spec, Form.UNKNOWN)

    def add_known(self, spec: Spec, tensor: torch.Tensor) -> int:
        """As `add`, of a tensor whose shape and dtype are known; ordinary ones take a shorter way."""
        if spec.is_small_float:
            elements = readable_values(tensor) if self.statistics and is_readable(tensor) and tensor.is_cpu else None
            if elements is not None:
                return self.add_values(spec, elements)
        elif spec.is_large_float and self._takes_norms and is_readable(tensor) and tensor.is_cpu:
            norm = _norm_or_nan(tensor)
            if math.isfinite(norm):
                return self._append(spec, _NORM, [norm])
        return self._add(spec, tensor, self.statistics) if type(tensor) in _PLAIN else self.add(tensor)

    def add_values(self, spec: Spec, elements: list[float]) -> int:
        """All values of a tensor of a dtype that doubles hold."""
        entries, numbers = self._entries, self._numbers
        start = len(numbers)
        numbers.fromlist(elements)
        entries.fromlist([spec.number, _VALUES, start])
        return len(entries) // 3 - 1

    def add_elements(self, shape: torch.Size, dtype: torch.dtype, elements: list[Any]) -> int:
        """All values of a tensor: in order if a column of doubles holds them, else nested as JSON can hold them."""
        spec = self.tables.spec(shape, dtype)
        return self.add_values(spec, elements) if dtype in FLOATS else self._append_nested(spec, elements)

    def add_reshaped(self, number: int, shape: torch.Size, dtype: torch.dtype) -> int:
        """The same elements in another shape: the same statistics."""
        start = self._start(number)
        numbers = self._numbers[start : start + self._n_numbers(number)]
        copy = self._append(self.tables.spec(shape, dtype), self._form(number), numbers, self._rows.get(number))
        if number in self._waiting:
            self._waiting.add(copy)
            self._copies.append((copy, number))
        if number in self._strange:
            self._strange.add(copy)
        return copy

    def complete(self, number: int, tensor: torch.Tensor) -> None:
        """Measure everything of a tensor of which only a part was asked for, and which was not written yet."""
        if self.numel(number) <= self.value_limit or number in self._waiting or number < self._written[0]:
            return
        whole = Measurements(self.tables, self.value_limit, ALL)
        shape, _ = self.tables.described(self._spec(number))
        tail = whole._tail(whole.add(tensor), shape)
        self._rows[number] = tail
        self._set_form(number, Form.ROW)

    def look_from_here(self) -> None:
        """What was measured until now is nobody's concern who asks for what is strange."""
        self._looked = self.split()
        self._strange.clear()
        self._n_strange = 0

    def has_new_strange(self) -> bool:
        """Whether, since this was last asked, anything was measured that is not finite or zero in half precision."""
        (first, at), self._looked = self._looked, self.split()
        if self.tables.has_half or not math.isfinite(sum(self._numbers[at:])):
            self._strange.update(filter(self._has_strange_values, range(first, len(self))))
        before, self._n_strange = self._n_strange, len(self._strange)
        return self._n_strange > before

    def is_strange(self, number: int) -> bool:
        """Whether it is not finite, or zero in half precision, as far as was looked."""
        return number in self._strange

    def is_bad(self, number: int) -> bool:
        """Whether it is strange for not being finite."""
        return number in self._strange and self._is_infinite(number)

    def has_bad(self) -> bool:
        """Whether anything was not finite."""
        self.has_new_strange()
        return any(map(self._is_infinite, self._strange))

    def _is_infinite(self, number: int) -> bool:
        form, start = self._form(number), self._start(number)
        if form == Form.ROW:
            *_, n_nan, n_inf, _, elements = self._rows[number]
            return bool(n_nan or n_inf) or any(words_for_infinity(elements))
        if form == Form.FULL:
            return any(self._numbers[start + 4 : start + 6])
        return not all(map(math.isfinite, self._numbers[start : start + self._n_numbers(number)]))

    def _has_strange_values(self, number: int) -> bool:
        if self._form(number) != Form.VALUES or number in self._waiting:
            return False
        start, numel = self._start(number), self.numel(number)
        elements = self._numbers[start : start + numel]
        if not all(map(math.isfinite, elements)):
            return True
        return numel > 0 and not any(elements) and self.tables.is_half(self._spec(number))

    def row(self, number: int | None) -> list[Any] | None:
        """All that is known of one, for a record that is written rarely: `StatsRow`; None for none."""
        if number is None:
            return None
        shape, dtype = self.tables.described(self._spec(number))
        return [shape, dtype, self.numel(number), *self._tail(number, shape)]

    def _tail(self, number: int, shape: list[int]) -> list[Any]:
        form, start = self._form(number), self._start(number)
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
        return len(self), len(self._numbers)

    def take(self, until: tuple[int, int] | None = None) -> tuple[Columns, array[float], list[list[Any]]]:
        """What was not taken before: specs and forms, the numbers, and rows; up to a place where `split` was asked."""
        (first, first_number), (last, last_number) = self._written, until or self.split()
        self._written = (last, last_number)
        specs, forms, starts = (self._entries[3 * first + part : 3 * last : 3] for part in range(3))
        columns = {"spec": array("I", specs), "form": array("B", forms)}
        rows = [self._rows[number] for number in range(first, last) if forms[number - first] == Form.ROW]
        numbers = self._numbers[first_number:last_number]
        numels = self.tables.numels
        lengths = [
            numels[spec] if form == _VALUES else N_NUMBERS[form] for spec, form in zip(specs, forms, strict=True)
        ]
        if sum(lengths) != len(numbers):  # to some of them nothing refers
            numbers = array("d")
            for start, length in zip(starts, lengths, strict=True):
                numbers += self._numbers[start : start + length]
        return columns, numbers, rows

    def _n_numbers(self, number: int) -> int:
        form = self._form(number)
        return self.numel(number) if form == Form.VALUES else N_NUMBERS[form]

    def _append(self, spec: Spec, form: int, numbers: Iterable[float] = (), row: list[Any] | None = None) -> int:
        number, start = len(self._entries) // 3, len(self._numbers)
        self._numbers.extend(numbers)
        if row is not None:
            self._rows[number] = row
        self._entries.fromlist([spec.number, form, start])
        return number

    def _append_row(self, spec: Spec, tail: list[Any]) -> int:
        return self._append(spec, Form.ROW, row=tail)

    def _append_nested(self, spec: Spec, elements: Any) -> int:
        number = self._append_row(spec, [*[None] * 7, elements])
        if any(words_for_infinity(elements)):
            self._strange.add(number)
        return number

    def _measure(self, spec: Spec, tensor: torch.Tensor, asked: frozenset[Statistic]) -> int:
        on_cpu = tensor.is_cpu
        numel = spec.numel
        if numel <= self.value_limit:
            if tensor.dtype in FLOATS and tensor.layout is torch.strided:
                if on_cpu:
                    elements = flat_values(tensor)  # first: it may fail
                    return self.add_values(spec, elements)
                return self._wait(spec, Form.VALUES, tensor.clone())
            if on_cpu:
                return self._append_nested(spec, values(tensor))
            return self._await(self._append_row(spec, [None] * 8), tensor.clone())
        stored = tensor if tensor.layout is torch.strided else stored_elements(tensor)
        if not (numel if stored is tensor else stored.numel()):
            return self._append_row(spec, [0.0, None, None, None, 0, 0, numel, None])
        norm = norm_of(stored)
        if not on_cpu:
            return self._wait(spec, Form.NORM, norm)
        size = norm.item()
        if not math.isfinite(size) or (not size and tensor.dtype is torch.float16):
            self._strange.add(len(self))
        return self._statistics(spec, stored, size, asked)

    def _statistics(self, spec: Spec, stored: torch.Tensor, norm: float, asked: frozenset[Statistic]) -> int:
        n_nan = n_inf = 0
        if math.isfinite(norm):
            if asked <= _OF_NORM:
                return self._append(spec, Form.NORM, (norm,))
        else:
            n_nan, n_inf = int(torch.isnan(stored).sum()), int(torch.isinf(stored).sum())
            if not n_nan and not n_inf:  # the squares overflowed, the elements did not
                norm = wide_norm_of(stored).item()
        low: Any = None
        high = mean = zero = low
        if asked & _COUNTED:
            zero = spec.numel - int(torch.count_nonzero(stored))
        if not stored.is_complex() and stored.dtype is not torch.bool and stored.numel() == spec.numel:
            if Statistic.EXTREMES in asked:
                low, high = (bound.item() for bound in torch.aminmax(stored))
            if Statistic.MEAN in asked:
                wide_enough = stored.dtype in (torch.float32, torch.float64)
                mean = (stored if wide_enough else stored.to(torch.float64)).mean().item()
            if None not in (low, high, mean, zero) and stored.dtype in FLOATS:
                return self._append(spec, Form.FULL, (norm, low, high, mean, n_nan, n_inf, zero))
        sizes = [None if one is None else plain_number(one) for one in (norm, low, high, mean)]
        return self._append_row(spec, [*sizes, n_nan, n_inf, zero, None])

    def _wait(self, spec: Spec, form: Form, tensor: torch.Tensor) -> int:
        """Make room for numbers that still lie on a device."""
        n_numbers = spec.numel if form == Form.VALUES else N_NUMBERS[form]
        return self._await(self._append(spec, form, [math.nan] * n_numbers), tensor)

    def _await(self, number: int, tensor: torch.Tensor) -> int:
        self._pending.append((number, tensor))
        self._waiting.add(number)
        self.is_pending = True
        return number

    def settle(self) -> None:
        """Fetch what still lies on a device."""
        for number, tensor in self._pending:
            self._fill(number, tensor)
        for copy, number in self._copies:
            self._entries[3 * copy + 1] = self._form(number)
            n, start, own = self._n_numbers(number), self._start(number), self._start(copy)
            self._numbers[own : own + n] = self._numbers[start : start + n]
            if number in self._strange:
                self._strange.add(copy)
        self._pending.clear()
        self._copies.clear()
        self._waiting.clear()

    def _fill(self, number: int, tensor: torch.Tensor) -> None:
        start = self._start(number)
        if self._form(number) == Form.ROW:
            self._rows[number][-1] = values(tensor)
        elif self._form(number) == Form.VALUES:
            self._numbers[start : start + self.numel(number)] = array("d", flat_values(tensor))
        else:
            norm = self._numbers[start] = tensor.item()
            if not math.isfinite(norm):
                self._set_form(number, Form.NORM_ALONE)
        if self._is_infinite(number):
            self._strange.add(number)


def words_for_infinity(elements: Any) -> Iterator[str]:
    """Of nested elements the texts for what is not finite: nan, inf, and the complex numbers of these."""
    if isinstance(elements, list):
        for one in elements:
            yield from words_for_infinity(one)
    elif isinstance(elements, str) and "n" in elements:
        yield elements


def stored_elements(tensor: torch.Tensor) -> torch.Tensor:
    """What is stored of a tensor: of a sparse one not the zeros."""
    if tensor.layout is torch.strided:
        return tensor
    return tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()


def norm_of(tensor: torch.Tensor) -> torch.Tensor:
    """The 2-norm over all elements, in half precision added up in single precision."""
    if tensor.dtype in HALF:
        return torch_facts.vector_norm(tensor, dtype=torch.float32)  # type: ignore[no-any-return]
    if not (tensor.is_floating_point() or tensor.is_complex()):
        tensor = tensor.to(torch.float64)
    return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]


def _norm_or_nan(tensor: torch.Tensor) -> float:
    """The 2-norm of an ordinary tensor of many elements; NaN where a closer look is needed to tell."""
    if tensor.layout is not _STRIDED or tensor.requires_grad:
        return math.nan
    try:
        norm: float = torch_facts.vector_norm(tensor).item()
    except RuntimeError as error:  # zeros that torch never wrote anywhere
        if is_foreign(error):
            raise
        return math.nan
    return norm


def wide_norm_of(tensor: torch.Tensor) -> torch.Tensor:
    """The 2-norm of what is finite where its squares are not."""
    return torch_facts.vector_norm(tensor.to(torch.complex128 if tensor.is_complex() else torch.float64))  # type: ignore[no-any-return]


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all elements are, of a dense tensor of floats."""
    return not tensor.numel() or math.isfinite(torch_facts.vector_norm(tensor.detach(), float("inf")).item())
