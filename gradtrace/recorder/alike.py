"""Tensors of one shape, dtype and device, measured together: one copy of them all, and one call for each number.

Only ordinary tensors of few elements go together: of these torch adds up the squares in the same order, whether a
tensor stands alone or is a row among others, and so the norms on the CPU are the same to the last bit. On an
accelerator the last bit may be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.tables import FLOATS

_MOST_ELEMENTS = 1 << 14
"""Of one tensor; above torch shares the work out among threads, and what a call costs by itself weighs little."""
_MOST_TOGETHER = 1 << 20
"""Elements of tensors that are copied together."""
_PLAIN = torch_facts.PLAIN_TYPES
_STRIDED = torch.strided
_functorch_is_active = torch_facts.functorch_is_active
_is_functorch_wrapped = torch_facts.is_functorch_wrapped
_is_contiguous = torch.Tensor.is_contiguous
_numel = torch.Tensor.numel
_storage = torch.Tensor.untyped_storage
_n_bytes = torch.UntypedStorage.nbytes
_is_cpu, _is_nested, _layout, _dtype, _device = (
    torch_facts.plain_attribute(name) for name in ("is_cpu", "is_nested", "layout", "dtype", "device")
)

Key = tuple[torch.Size, torch.dtype, torch.device]
"""What tensors have in common that are measured together."""


def key_of(tensor: Any) -> Key | None:
    """What it has in common with its like; None of one that is measured by itself."""
    return (tensor.shape, tensor.dtype, tensor.device) if _are_ordinary((tensor,)) else None


def _is_readable_there(tensor: torch.Tensor) -> bool:
    return tensor.is_cpu or not (tensor.is_meta or torch_facts.is_capturing())


def sorted_out(tensors: Sequence[Any]) -> tuple[list[tuple[Key, list[int]]], list[int]]:
    """The positions of those that go together, and of those that each go alone."""
    together: dict[Key, list[int]] = {}
    alone: list[int] = []
    if tensors and _are_ordinary(tensors):
        keys: Iterable[Key | None] = zip(
            map(torch_facts.shape, tensors), map(_dtype, tensors), map(_device, tensors), strict=True
        )
    else:
        keys = map(key_of, tensors)
    for position, key in enumerate(keys):
        if key is None:
            alone.append(position)
        else:
            together.setdefault(key, []).append(position)
    found = []
    for key, positions in together.items():
        most = max(1, _MOST_TOGETHER // key[0].numel())
        found += [(key, positions[first : first + most]) for first in range(0, len(positions), most)]
    return found, alone


def as_rows(tensors: Sequence[torch.Tensor], key: Key) -> torch.Tensor | None:
    """A copy of tensors, each a row; None unless all of them are, by now, as the key says, and torch can do it."""
    return copied_rows(tensors) if tensors and _are_all(tensors, key) else None


def _are_all(tensors: Sequence[torch.Tensor], key: Key) -> bool:
    """Whether `key_of` tells this of all of them."""
    shape, dtype, device = key
    return (
        _are_ordinary(tensors)
        and all(map(shape.__eq__, map(torch_facts.shape, tensors)))
        and set(map(_dtype, tensors)) == {dtype}
        and set(map(_device, tensors)) == {device}
    )


def _are_ordinary(tensors: Sequence[Any]) -> bool:
    """Whether all of them can be measured with their like; each question is one call for all."""
    if not all(map(_PLAIN.__contains__, map(type, tensors))) or _functorch_is_active():
        return False
    if any(map(_is_functorch_wrapped, tensors)) or any(map(_is_nested, tensors)):
        return False
    if set(map(_layout, tensors)) != {_STRIDED} or not all(map(FLOATS.__contains__, map(_dtype, tensors))):
        return False
    sizes = set(map(_numel, tensors))
    return (
        min(sizes) > 0
        and max(sizes) <= _MOST_ELEMENTS
        and all(map(_is_contiguous, tensors))
        and all(map(_n_bytes, map(_storage, tensors)))
        and (all(map(_is_cpu, tensors)) or all(map(_is_readable_there, tensors)))
    )


def copied_rows(tensors: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """A copy of tensors of one key, each a row; None where torch refuses, as for half precision inside autocast."""
    try:
        return torch.stack(tuple(tensors)).view(len(tensors), -1)
    except RuntimeError as error:
        if is_foreign(error):
            raise
        return None
