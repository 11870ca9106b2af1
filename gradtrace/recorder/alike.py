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

Key = tuple[torch.Size, torch.dtype, torch.device]
"""What tensors have in common that are measured together."""


def key_of(tensor: Any) -> Key | None:
    """What it has in common with its like; None of one that is measured by itself."""
    if (
        type(tensor) not in _PLAIN
        or tensor.layout is not _STRIDED
        or tensor.is_nested
        or tensor.dtype not in FLOATS
        or not tensor.is_contiguous()
        or not 0 < tensor.numel() <= _MOST_ELEMENTS
        or _functorch_is_active()
        or _is_functorch_wrapped(tensor)
        or not tensor.untyped_storage().nbytes()
        or not (tensor.is_cpu or _is_readable_there(tensor))
    ):
        return None
    return (tensor.shape, tensor.dtype, tensor.device)


def _is_readable_there(tensor: torch.Tensor) -> bool:
    return not tensor.is_meta and not torch_facts.is_capturing()


def sorted_out(tensors: Iterable[Any]) -> tuple[list[tuple[Key, list[int]]], list[int]]:
    """The positions of those that go together, and of those that each go alone."""
    together: dict[Key, list[int]] = {}
    alone: list[int] = []
    for position, tensor in enumerate(tensors):
        key = key_of(tensor)
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
    if not tensors or any(key_of(tensor) != key for tensor in tensors):
        return None
    return copied_rows(tensors)


def copied_rows(tensors: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """A copy of tensors of one key, each a row; None where torch refuses, as for half precision inside autocast."""
    try:
        return torch.stack(tuple(tensors)).view(len(tensors), -1)
    except RuntimeError as error:
        if is_foreign(error):
            raise
        return None
