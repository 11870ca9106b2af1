"""What is measured of a tensor.

Small tensors are recorded with all their values, from which every statistic follows; of the others the default level takes the 2-norm, which
also tells whether a NaN or an infinity is among them. On an accelerator nothing is read back before the pass is over: the
numbers stay on the device in `Measurements.pending` and are fetched together, so that no hook waits for the device.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.stream import plain_number

Row = list[Any]
"""`StatsRow`: shape, dtype, numel, norm, min, max, mean, nan, inf, zero, value."""

_NORM, _MIN, _MAX, _MEAN, _NAN, _INF, _ZERO, _VALUE = range(3, 11)

_HALF = frozenset({torch.float16, torch.bfloat16})
_dtype_names: dict[torch.dtype, str] = {}


def describe(tensor: torch.Tensor) -> Row:
    """Shape and dtype alone."""
    dtype = tensor.dtype
    name = _dtype_names.get(dtype)
    if name is None:
        name = _dtype_names[dtype] = torch_facts.short_dtype(dtype)
    shape = list(tensor.shape)
    return [shape, name, math.prod(shape), None, None, None, None, None, None, None, None]


def is_readable(tensor: torch.Tensor) -> bool:
    """Whether its elements can be read without surprising anybody."""
    return type(tensor) in torch_facts.PLAIN_TYPES and not tensor.is_meta and not torch_facts.functorch_is_active()


class Measurements:
    """The statistics of one pass, numbered in order of measurement."""

    def __init__(self, value_limit: int, level: str) -> None:
        self.value_limit = value_limit
        self.level = level
        self.rows: list[Row] = []
        self.pending: list[tuple[Row, torch.Tensor, bool]] = []

    def add(self, tensor: torch.Tensor) -> int:
        """Measure a tensor, and return the number of its statistics."""
        self.rows.append(self.measure(tensor))
        return len(self.rows) - 1

    def measure(self, tensor: torch.Tensor) -> Row:
        """Measure a tensor; must be called with torch functions disabled."""
        row = describe(tensor)
        if self.level == "structure":
            return row
        try:
            if is_readable(tensor):
                self._fill(row, tensor)
        except RuntimeError:  # a layout or subclass without the operations: its shape stays
            return row
        return row

    def _fill(self, row: Row, tensor: torch.Tensor) -> None:
        if tensor.requires_grad:
            tensor = tensor.detach()
        if tensor.layout is not torch.strided:
            tensor = _dense_or_values(tensor, row[2] <= self.value_limit)
            if tensor.numel() != row[2]:  # only the stored elements: the rest are zeros
                self._measure_stored(row, tensor)
                return
        if row[2] <= self.value_limit:
            if tensor.device.type == "cpu":
                fill_from_values(row, tensor.tolist())
            else:
                self.pending.append((row, tensor.clone(), True))
            return
        norm = _norm(tensor)
        if tensor.device.type == "cpu":
            number = norm.item()
            row[_NORM] = plain_number(number)
            _fill_finiteness(row, tensor, number)
        else:
            self.pending.append((row, norm, False))
        if self.level == "full":
            self._fill_rest(row, tensor)

    def _measure_stored(self, row: Row, stored: torch.Tensor) -> None:
        number = _norm(stored).item() if stored.numel() else 0.0
        row[_NORM] = plain_number(number)
        _fill_finiteness(row, stored, number)
        if self.level == "full":
            row[_ZERO] = row[2] - int(torch.count_nonzero(stored))

    def _fill_rest(self, row: Row, tensor: torch.Tensor) -> None:
        if not row[2]:
            return
        row[_ZERO] = row[2] - int(torch.count_nonzero(tensor))
        if tensor.is_complex() or tensor.dtype is torch.bool:
            return
        low, high = torch.aminmax(tensor)
        row[_MIN], row[_MAX] = plain_number(low.item()), plain_number(high.item())
        wide = tensor.to(torch.float64) if tensor.dtype in _HALF or not tensor.is_floating_point() else tensor
        row[_MEAN] = plain_number(wide.mean().item())

    def settle(self) -> None:
        """Fetch what still lies on a device."""
        for row, tensor, is_whole in self.pending:
            if is_whole:
                fill_from_values(row, tensor.tolist())
            else:
                number = tensor.item()
                row[_NORM] = plain_number(number)
                if math.isfinite(number):
                    row[_NAN] = row[_INF] = 0
        self.pending.clear()


def _dense_or_values(tensor: torch.Tensor, dense: bool) -> torch.Tensor:
    if dense or tensor.layout is not torch.sparse_coo:
        return tensor.to_dense()
    return tensor.coalesce().values()


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype in _HALF:
        return torch_facts.vector_norm(tensor, dtype=torch.float32)  # type: ignore[no-any-return]
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return torch_facts.vector_norm(tensor.to(torch.float64))  # type: ignore[no-any-return]
    return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]


def _fill_finiteness(row: Row, tensor: torch.Tensor, norm: float) -> None:
    if math.isfinite(norm):
        row[_NAN] = row[_INF] = 0
        return
    row[_NAN] = int(torch.isnan(tensor).sum())
    row[_INF] = int(torch.isinf(tensor).sum())
    if not row[_NAN] and not row[_INF]:  # the squares overflowed, the elements did not
        wide = torch.complex128 if tensor.is_complex() else torch.float64
        row[_NORM] = plain_number(torch_facts.vector_norm(tensor.to(wide)).item())


def fill_from_values(row: Row, value: Any) -> None:
    """Every statistic of a tensor whose elements are all there, as nested lists."""
    flat = _flatten(value)
    row[_VALUE] = _plain(value)
    n_nan = n_inf = n_zero = 0
    for x in flat:
        if x != x:  # noqa: PLR0124
            n_nan += 1
        elif x in (math.inf, -math.inf) or (isinstance(x, complex) and (math.isinf(x.real) or math.isinf(x.imag))):
            n_inf += 1
        elif x == 0:
            n_zero += 1
    row[_NAN], row[_INF], row[_ZERO] = n_nan, n_inf, n_zero
    row[_NORM] = plain_number(_hypot(flat))
    if flat and not isinstance(flat[0], complex | bool):
        if n_nan:
            row[_MIN] = row[_MAX] = row[_MEAN] = "nan"
        else:
            row[_MIN], row[_MAX] = plain_number(min(flat)), plain_number(max(flat))
            row[_MEAN] = plain_number(math.fsum(flat) / len(flat) if not n_inf else sum(flat) / len(flat))


def _hypot(flat: list[Any]) -> float:
    if len(flat) == 1:
        return float(abs(flat[0]))
    if any(x != x for x in flat):  # noqa: PLR0124
        return math.nan
    return math.hypot(*[abs(x) for x in flat])


def _flatten(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    if value and isinstance(value[0], list):
        return [x for part in value for x in _flatten(part)]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(x) for x in value]
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, complex):
        return str(value).strip("()")
    return value
