"""What is measured of a tensor, as encoded rows.

Small tensors are recorded with all their values, from which the reader takes every statistic; of the others that is
taken which somebody reads (`gradtrace.model.needs`). A 2-norm tells by itself whether a NaN or an infinity is among
them. On an accelerator nothing is read back before the pass is over: the numbers stay on the device in `Measurements`
and are fetched together, so that no hook waits for the device.

A row is JSON text from the start (`StatsRow`: shape, dtype, numel, norm, min, max, mean, nan, inf, zero, value): a
pass has thousands of them, and text costs the garbage collector nothing.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from typing import Any

import torch

from gradtrace.model.needs import ALL, Statistic
from gradtrace.recorder import torch_facts
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.stream import plain_number

_HALF = frozenset({torch.float16, torch.bfloat16})
_PYTHON_WRITES_JSON = frozenset(
    {
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    }
)
_NOT_JSON = re.compile(r"-?inf|nan")
_UNKNOWN = ",null,null,null,null,null,null,null,null]"
_BEFORE_VALUE = ",null,null,null,null,null,null,null,"
_MAX_HEADS = 100_000
_PLAIN = torch_facts.PLAIN_TYPES
_functorch_is_active = torch_facts.functorch_is_active
_is_functorch_wrapped = torch_facts.is_functorch_wrapped

_OF_NORM = frozenset({Statistic.NORM, Statistic.FINITE, Statistic.VALUES})
"""What the norm tells, or small tensors do."""

_COUNTED = frozenset({Statistic.ZEROS, Statistic.ALL_ZERO})

_heads: dict[tuple[torch.Size, torch.dtype], tuple[str, int]] = {}


def head(shape: torch.Size, dtype: torch.dtype) -> tuple[str, int]:
    """The beginning of a row, `[[2,3],"float32",6`, and the number of elements."""
    known = _heads.get((shape, dtype))
    if known is None:
        if len(_heads) > _MAX_HEADS:
            _heads.clear()
        numel = math.prod(shape)
        extents = ",".join(str(int(extent)) for extent in shape)
        known = _heads[shape, dtype] = (f'[[{extents}],"{torch_facts.short_dtype(dtype)}",{numel}', numel)
    return known


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


def values(tensor: torch.Tensor) -> str:
    """All elements of a tensor that requires no grad, in nested lists, as JSON."""
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype in _PYTHON_WRITES_JSON:
        text = repr(tensor.tolist())
        return _NOT_JSON.sub(r'"\g<0>"', text) if "n" in text else text
    return json.dumps(_plain(tensor.tolist()))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value).strip("()") if isinstance(value, complex) else value


def value_row(tensor: torch.Tensor) -> str:
    """The row of a tensor with all its values."""
    return head(tensor.shape, tensor.dtype)[0] + _BEFORE_VALUE + values(tensor) + "]"


class Measurements:
    """The statistics of one pass, numbered in order of measurement."""

    def __init__(self, value_limit: int, statistics: frozenset[Statistic]) -> None:
        self.value_limit = value_limit
        self.statistics = statistics
        self._is_norm_enough = statistics <= _OF_NORM
        self.strange: set[int] = set()
        """Numbers of what is not finite, or nothing but zeros in half precision."""
        self.rows: list[str] = []
        self.numels = array("q")
        self._pending: list[tuple[list[int], torch.Tensor, bool]] = []
        self._pending_of: dict[int, list[int]] = {}

    def add(self, tensor: torch.Tensor) -> int:
        """Measure a tensor, and return the number of its statistics; must be called with torch functions disabled."""
        beginning, numel = head(torch_facts.shape(tensor), tensor.dtype)
        number = len(self.rows)
        self.rows.append(beginning)
        self.numels.append(numel)
        rest: str | None = _UNKNOWN
        if self.statistics and is_readable(tensor):
            try:
                rest = self._measure(number, tensor.detach() if tensor.requires_grad else tensor, numel)
            except RuntimeError as error:  # zeros that torch never wrote anywhere, or a layout without the operations
                if is_foreign(error):
                    raise
                rest = self._measure(number, tensor.detach().clone(), numel) if tensor._is_zerotensor() else _UNKNOWN
        if rest is not None:
            self.rows[number] += rest
        return number

    def add_reshaped(self, number: int, shape: torch.Size, dtype: torch.dtype) -> int:
        """The same elements in another shape: the same statistics."""
        tail = self.rows[number].partition(f'",{self.numels[number]}')[2]
        beginning, numel = head(shape, dtype)
        self.rows.append(beginning + tail)
        self.numels.append(numel)
        waiting = self._pending_of.get(number)
        if number in self.strange:
            self.strange.add(len(self.rows) - 1)
        if waiting is not None:
            waiting.append(len(self.rows) - 1)
            self._pending_of[len(self.rows) - 1] = waiting
        return len(self.rows) - 1

    def decoded(self, number: int) -> Any:
        """A row as lists, for a record that is written rarely."""
        return json.loads(self.rows[number])

    def row(self, number: int | None) -> str:
        """A row by its number; null for none."""
        return "null" if number is None else self.rows[number]

    def is_bad(self, number: int) -> bool:
        """Whether it is strange for not being finite."""
        return number in self.strange and '"' in self.rows[number].partition('",')[2]

    def complete(self, number: int, tensor: torch.Tensor) -> None:
        """Measure everything of a tensor of which only a part was asked for."""
        if self.numels[number] > self.value_limit and number not in self._pending_of:
            whole = Measurements(self.value_limit, ALL)
            self.rows[number] = whole.row(whole.add(tensor))

    def _measure(self, number: int, tensor: torch.Tensor, numel: int) -> str | None:
        """The rest of a row; None when it still lies on a device."""
        on_cpu = tensor.is_cpu
        if numel <= self.value_limit:
            if on_cpu:
                text = values(tensor)
                if "n" in text or (tensor.dtype is torch.float16 and numel and not tensor.any()):
                    self.strange.add(number)
                return f"{_BEFORE_VALUE}{text}]"
            self._wait(number, tensor.clone(), is_whole=True)
            return None
        stored = tensor
        if tensor.layout is not torch.strided:
            stored = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
        if not stored.numel():
            return f",0.0,null,null,null,0,0,{numel},null]"
        norm = _norm(stored)
        if not on_cpu:
            self._wait(number, norm, is_whole=False)
            return None
        size = norm.item()
        if not math.isfinite(size) or (not size and tensor.dtype is torch.float16):
            self.strange.add(number)
        return self._statistics(stored, size, numel)

    def _statistics(self, stored: torch.Tensor, norm: float, numel: int) -> str:
        n_nan = n_inf = 0
        if math.isfinite(norm):
            if self._is_norm_enough:
                return f",{norm!r},null,null,null,0,0,null,null]"
        else:
            n_nan, n_inf = int(torch.isnan(stored).sum()), int(torch.isinf(stored).sum())
            if not n_nan and not n_inf:  # the squares overflowed, the elements did not
                wide = torch.complex128 if stored.is_complex() else torch.float64
                norm = torch_facts.vector_norm(stored.to(wide)).item()
        low = high = mean = zero = None
        if self.statistics & _COUNTED:
            zero = numel - int(torch.count_nonzero(stored))
        if not stored.is_complex() and stored.dtype is not torch.bool and stored.numel() == numel:
            if Statistic.EXTREMES in self.statistics:
                low, high = (plain_number(bound.item()) for bound in torch.aminmax(stored))
            if Statistic.MEAN in self.statistics:
                wide_enough = stored.dtype in (torch.float32, torch.float64)
                mean = plain_number((stored if wide_enough else stored.to(torch.float64)).mean().item())
        rest = [plain_number(norm), low, high, mean, n_nan, n_inf, zero, None]
        return "," + json.dumps(rest, separators=(",", ":"))[1:]

    def _wait(self, number: int, tensor: torch.Tensor, *, is_whole: bool) -> None:
        waiting = [number]
        self._pending.append((waiting, tensor, is_whole))
        self._pending_of[number] = waiting

    def settle(self) -> None:
        """Fetch what still lies on a device."""
        for numbers, tensor, is_whole in self._pending:
            if is_whole:
                text = values(tensor)
                is_strange = "n" in text
                rest = f"{_BEFORE_VALUE}{text}]"
            else:
                norm = tensor.item()
                is_strange = not math.isfinite(norm)
                finite = "0,0" if math.isfinite(norm) else "null,null"
                rest = f",{json.dumps(plain_number(norm))},null,null,null,{finite},null,null]"
            for number in numbers:
                self.rows[number] += rest
            if is_strange:
                self.strange.update(numbers)
        self._pending.clear()
        self._pending_of.clear()


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    dtype = tensor.dtype
    if dtype is torch.float32 or dtype is torch.float64:
        return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]
    if dtype in _HALF:
        return torch_facts.vector_norm(tensor, dtype=torch.float32)  # type: ignore[no-any-return]
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return torch_facts.vector_norm(tensor.to(torch.float64))  # type: ignore[no-any-return]
    return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]
