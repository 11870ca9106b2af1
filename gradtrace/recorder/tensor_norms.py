"""The 2-norms of many tensors in few calls of torch, and of all together.

Small tensors of one shape are copied into one and measured as its rows; of the others those of one device and dtype are
measured with one call. On the CPU the numbers are there at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from gradtrace.model.format import NO_GRADIENT, NOT_MEASURED
from gradtrace.recorder import torch_facts
from gradtrace.recorder.alike import copied_rows, sorted_out
from gradtrace.recorder.measure import HALF
from gradtrace.recorder.readings import Reading, Readings, may_read, row_norms
from gradtrace.recorder.tables import FLOATS

UNSEEN = object()
"""Stands for a tensor into which nobody may look."""

_FEW = 4
"""Fewer tensors of one shape are not worth a copy."""
_dtype, _device = (torch_facts.plain_attribute(name) for name in ("dtype", "device"))

Norm = float | Reading
"""A norm, or what will know it."""


def norms_of(tensors: Sequence[Any], readings: Readings) -> list[Norm]:
    """The norm of each.

    Args:
        tensors: None for one that is not there, `UNSEEN` for one that may not be looked at.
        readings: who fetches what lies on a device.
    """
    found: list[Norm] = [NOT_MEASURED if one is UNSEEN else NO_GRADIENT for one in tensors]
    present = [at for at, one in enumerate(tensors) if one is not None and one is not UNSEEN]
    together, rest = sorted_out([tensors[at] for at in present])
    others = [present[position] for position in rest]
    for _, positions in together:
        some = [present[position] for position in positions]
        rows = copied_rows([tensors[at] for at in some]) if len(some) >= _FEW else None
        if rows is None:
            others += some
        else:
            _put(found, some, row_norms(rows), readings)
    alike: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for at in others:
        one = tensors[at]
        if _is_dense(one):
            alike.setdefault((_device(one), _dtype(one)), []).append(at)
        else:
            found[at] = readings.norm(one) if may_read(one) else NOT_MEASURED
    for (_, dtype), some in alike.items():
        _put(found, some, foreach_norms([tensors[at] for at in some], dtype), readings)
    return found


def _put(found: list[Norm], positions: Sequence[int], norms: torch.Tensor, readings: Readings) -> None:
    numbers: Sequence[Norm] = norms.tolist() if norms.is_cpu else readings.numbers(norms)
    for at, number in zip(positions, numbers, strict=True):
        found[at] = number


def _is_dense(tensor: Any) -> bool:
    return may_read(tensor) and tensor.layout is torch.strided and _dtype(tensor) in FLOATS


def foreach_norms(tensors: list[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """A vector of the norms of dense tensors of one device and dtype; of half precision in single precision."""
    wide = torch.float32 if dtype in HALF else None
    return torch.stack(torch._foreach_norm([one.detach() for one in tensors], 2, dtype=wide))


def known(norm: Norm) -> float:
    """The norm, once it has been fetched."""
    if type(norm) is Reading:
        return NOT_MEASURED if norm.value is None else norm.value
    return norm  # type: ignore[return-value]


def total_of(norms: Sequence[float], *, is_double: bool) -> float:
    """The norm of all together from that of each, added up as torch does; of no gradient at all there is none."""
    if NOT_MEASURED in norms:
        return NOT_MEASURED
    there = [one for one in norms if one != NO_GRADIENT] if NO_GRADIENT in norms else norms
    dtype = torch.float64 if is_double else torch.float32
    return float(torch_facts.vector_norm(torch.tensor(there, dtype=dtype)).item()) if there else NO_GRADIENT


def root_of_squares(norms: Sequence[float]) -> float:
    """The norm of a module's gradients from those of its parameters."""
    if NOT_MEASURED in norms:
        return NOT_MEASURED
    there = [one for one in norms if one != NO_GRADIENT]
    return math.sqrt(sum(one * one for one in there)) if there else NO_GRADIENT
