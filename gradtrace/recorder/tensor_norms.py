"""The 2-norms of many tensors, with as few calls of torch as there are devices and dtypes, and of all together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from gradtrace.model.format import NO_GRADIENT, NOT_MEASURED
from gradtrace.recorder import torch_facts
from gradtrace.recorder.measure import HALF, has_memory, is_readable
from gradtrace.recorder.readings import Reading, Readings, may_read
from gradtrace.recorder.tables import FLOATS

UNSEEN = object()
"""Stands for a tensor into which nobody may look."""

_PLAIN = torch_facts.PLAIN_TYPES
_ABSENT, _UNKNOWN = Reading(NO_GRADIENT), Reading(NOT_MEASURED)
_layout, _dtype, _device, _is_cpu, _is_nested = (
    torch_facts.plain_attribute(name) for name in ("layout", "dtype", "device", "is_cpu", "is_nested")
)


def norms_of(tensors: Sequence[Any], readings: Readings) -> tuple[list[Reading], Reading | None]:
    """The norm of each, and that of all together; None where it follows from the others, once these are known.

    Args:
        tensors: None for one that is not there, `UNSEEN` for one that may not be looked at.
        readings: who fetches what lies on a device.
    """
    found = [_UNKNOWN if one is UNSEEN else _ABSENT for one in tensors]
    present = [at for at, one in enumerate(tensors) if one is not None and one is not UNSEEN]
    is_partial = any(one is UNSEEN for one in tensors)
    together, alone = _sorted_out(tensors, present)
    for at in alone:
        found[at] = readings.norm(tensors[at]) if may_read(tensors[at]) else _UNKNOWN
    total = None
    for key, positions in together.items():
        norms = foreach_norms([tensors[at] for at in positions], key[1])
        if len(positions) == len(present) and not is_partial:
            numbers = readings.numbers(torch.cat([norms, torch_facts.vector_norm(norms).reshape(1)]))
            total = numbers.pop()
        else:
            numbers = readings.numbers(norms)
        for at, number in zip(positions, numbers, strict=True):
            found[at] = number
    return found, total


def foreach_norms(tensors: list[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """A vector of the norms of dense tensors of one device and dtype; of half precision in single precision."""
    wide = torch.float32 if dtype in HALF else None
    return torch.stack(torch._foreach_norm([one.detach() for one in tensors], 2, dtype=wide))


def _sorted_out(
    tensors: Sequence[Any], present: list[int]
) -> tuple[dict[tuple[torch.device, torch.dtype], list[int]], list[int]]:
    """The positions of dense floats by device and dtype, and of those that are looked at one by one."""
    there = [tensors[at] for at in present]
    if not there:
        return {}, []
    are_plain = all(map(_PLAIN.__contains__, map(type, there)))
    if not are_plain or torch_facts.functorch_is_active() or any(map(torch_facts.is_functorch_wrapped, there)):
        return {}, present
    are_on_cpu = all(map(_is_cpu, there))
    together: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    alone = []
    for at, one, layout, dtype, nested in zip(
        present, there, map(_layout, there), map(_dtype, there), map(_is_nested, there), strict=True
    ):
        is_dense = layout is torch.strided and dtype in FLOATS and not nested and has_memory(one)
        if is_dense and (are_on_cpu or is_readable(one)):
            together.setdefault((_device(one), dtype), []).append(at)
        else:
            alone.append(at)
    return together, alone


def total_of(norms: Sequence[float]) -> float:
    """The norm of all together from that of each, added up as torch does; of no gradient at all there is none."""
    if NOT_MEASURED in norms:
        return NOT_MEASURED
    there = [one for one in norms if one != NO_GRADIENT]
    return float(torch_facts.vector_norm(torch.tensor(there)).item()) if there else NO_GRADIENT


def root_of_squares(norms: Sequence[float]) -> float:
    """The norm of a module's gradients from those of its parameters."""
    if NOT_MEASURED in norms:
        return NOT_MEASURED
    there = [one for one in norms if one != NO_GRADIENT]
    return math.sqrt(sum(one * one for one in there)) if there else NO_GRADIENT
