"""Numbers measured on the program's tensors between passes: norms, counts, single elements.

On the CPU a number is there at once. On an accelerator it stays on the device until `settle` fetches all of them
together, so that nothing waits for the device in between.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.measure import has_memory, is_readable
from gradtrace.recorder.stream import plain_number

_NARROW = frozenset({torch.float16, torch.bfloat16})


def may_read(tensor: object) -> TypeGuard[torch.Tensor]:
    """Whether it is a plain tensor whose elements are there: of a subclass nothing is asked."""
    return type(tensor) in torch_facts.PLAIN_TYPES and is_readable(tensor) and has_memory(tensor)  # type: ignore[arg-type]


def plain_values(value: Any) -> Any:
    """Nested lists of numbers as JSON can hold them."""
    if isinstance(value, list):
        return [plain_values(one) for one in value]
    if isinstance(value, complex):
        return str(value).strip("()")
    return plain_number(value) if isinstance(value, float) else value


class Reading:
    """A number that is, or will be, known; None as long as it is not."""

    __slots__ = ("value",)

    def __init__(self, value: float | None = None) -> None:
        self.value = value

    def plain(self) -> Any:
        """As JSON can hold it."""
        return None if self.value is None else plain_number(self.value)


class Readings:
    """Measures, and fetches what still lies on a device. All of it runs without a graph."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Reading, torch.Tensor]] = []

    @property
    def is_settled(self) -> bool:
        """Whether all numbers are known."""
        return not self._waiting

    def norm(self, tensor: torch.Tensor) -> Reading:
        """The 2-norm over all elements."""
        stored = _stored(tensor.detach())
        if not stored.numel():
            return Reading(0.0)
        reading = self.number(_norm(stored))
        if stored.is_cpu and reading.value is not None and math.isinf(reading.value) and not torch.isinf(stored).any():
            # The squares overflowed, the elements did not.
            wide = torch.complex128 if stored.is_complex() else torch.float64
            return self.number(_norm(stored.to(wide)))
        return reading

    def distance(self, one: torch.Tensor, other: torch.Tensor) -> Reading:
        """The 2-norm of the difference of two dense tensors."""
        if one.dtype in _NARROW:
            one, other = one.to(torch.float32), other.to(torch.float32)
        elif not (one.is_floating_point() or one.is_complex()):
            one, other = one.to(torch.float64), other.to(torch.float64)
        return self.norm(one.detach() - other)

    def number(self, tensor: torch.Tensor) -> Reading:
        """The one element of a tensor, as it is now."""
        tensor = tensor.detach()
        if tensor.is_cpu:
            return Reading(_real(tensor.item()))
        reading = Reading()
        self._waiting.append((reading, tensor.reshape(()).clone()))
        return reading

    def settle(self) -> None:
        """Fetch what still lies on a device: once for each device and dtype."""
        waiting, self._waiting = self._waiting, []
        alike: dict[tuple[torch.device, torch.dtype], list[tuple[Reading, torch.Tensor]]] = {}
        for reading, tensor in waiting:
            alike.setdefault((tensor.device, tensor.dtype), []).append((reading, tensor))
        for together in alike.values():
            numbers = torch.stack([tensor for _, tensor in together]).tolist()
            for (reading, _), number in zip(together, numbers, strict=True):
                reading.value = _real(number)


def _real(number: Any) -> float | None:
    return None if isinstance(number, complex) else number


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.layout is torch.strided:
        return tensor
    return tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype in _NARROW:
        return torch_facts.vector_norm(tensor, dtype=torch.float32)  # type: ignore[no-any-return]
    if not (tensor.is_floating_point() or tensor.is_complex()):
        tensor = tensor.to(torch.float64)
    return torch_facts.vector_norm(tensor)  # type: ignore[no-any-return]
