"""Numbers measured on the program's tensors between passes: norms, counts, single elements.

On the CPU a number is there at once. On an accelerator it stays on the device until `settle` fetches all of them
together, so that nothing waits for the device in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.alike import copied_rows, sorted_out
from gradtrace.recorder.measure import HALF, has_memory, is_readable, norm_of, stored_elements, wide_norm_of
from gradtrace.recorder.stream import plain_number

_ROWS = [1]


def may_read(tensor: object) -> TypeGuard[torch.Tensor]:
    """Whether it is a plain tensor whose elements are there: of a subclass nothing is asked."""
    return type(tensor) in torch_facts.PLAIN_TYPES and is_readable(tensor) and has_memory(tensor)  # type: ignore[arg-type]


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
        self._waiting: list[tuple[Sequence[Reading], torch.Tensor]] = []

    @property
    def is_settled(self) -> bool:
        """Whether all numbers are known."""
        return not self._waiting

    def norm(self, tensor: torch.Tensor) -> Reading:
        """The 2-norm over all elements."""
        stored = stored_elements(tensor.detach())
        if not stored.numel():
            return Reading(0.0)
        reading = self.number(norm_of(stored))
        if stored.is_cpu and reading.value is not None and math.isinf(reading.value) and not torch.isinf(stored).any():
            return self.number(wide_norm_of(stored))  # the squares overflowed, the elements did not
        return reading

    def row_norms(self, rows: torch.Tensor) -> list[Reading]:
        """The 2-norm of each row of floats."""
        found = row_norms(rows)
        if not rows.is_cpu:
            return self.numbers(found)
        numbers = found.tolist()
        if math.inf in numbers:
            return [self.norm(rows[at]) if one == math.inf else Reading(one) for at, one in enumerate(numbers)]
        return list(map(Reading, numbers))

    def norms(self, tensors: Sequence[torch.Tensor]) -> list[Reading]:
        """The 2-norm of each of some tensors that may be read."""
        return self._each(tensors, self.row_norms, self.norm)

    def singles(self, tensors: Sequence[torch.Tensor]) -> list[Reading]:
        """The one element of each of some tensors that may be read."""
        return self._each(tensors, lambda rows: self.numbers(rows.flatten()), self.number)

    def _each(
        self,
        tensors: Sequence[torch.Tensor],
        together: Callable[[torch.Tensor], list[Reading]],
        alone: Callable[[torch.Tensor], Reading],
    ) -> list[Reading]:
        found: dict[int, Reading] = {}
        batches, others = sorted_out(tensors)
        for _, positions in batches:
            rows = copied_rows([tensors[position] for position in positions])
            if rows is None:
                others += positions
            else:
                found.update(zip(positions, together(rows), strict=True))
        found.update((position, alone(tensors[position])) for position in others)
        return [found[position] for position in range(len(tensors))]

    def distance(self, one: torch.Tensor, copy: torch.Tensor) -> Reading:
        """The 2-norm of the difference of a dense tensor and a copy of an earlier state, which is used up."""
        return self.norm(_difference(one.detach(), copy))

    def row_distances(self, some: torch.Tensor, copies: torch.Tensor) -> list[Reading]:
        """The 2-norm of the difference of each row and its copy, which is used up."""
        return self.row_norms(_difference(some, copies))

    def number(self, tensor: torch.Tensor) -> Reading:
        """The one element of a tensor, as it is now."""
        tensor = tensor.detach()
        if tensor.is_cpu:
            return Reading(_real(tensor.item()))
        reading = Reading()
        self._waiting.append(((reading,), tensor.reshape(1).clone()))
        return reading

    def numbers(self, tensor: torch.Tensor) -> list[Reading]:
        """The elements of a vector that nothing else writes to."""
        if tensor.is_cpu:
            return list(map(Reading, tensor.tolist()))
        readings = [Reading() for _ in range(tensor.numel())]
        self._waiting.append((readings, tensor))
        return readings

    def settle(self) -> None:
        """Fetch what still lies on a device: once for each device and dtype."""
        waiting, self._waiting = self._waiting, []
        alike: dict[tuple[torch.device, torch.dtype], list[tuple[Sequence[Reading], torch.Tensor]]] = {}
        for readings, tensor in waiting:
            alike.setdefault((tensor.device, tensor.dtype), []).append((readings, tensor))
        for together in alike.values():
            numbers = torch.cat([tensor for _, tensor in together]).tolist()
            owners = (reading for readings, _ in together for reading in readings)
            for reading, number in zip(owners, numbers, strict=True):
                reading.value = _real(number)


def _difference(one: torch.Tensor, copy: torch.Tensor) -> torch.Tensor:
    """Into the copy where it has room for it: fresh memory takes several times as long as the subtraction."""
    if one.dtype in HALF:
        return copy.to(torch.float32).sub_(one)
    if not (one.is_floating_point() or one.is_complex()):
        return copy.to(torch.float64).sub_(one)
    return copy.sub_(one)


def row_norms(rows: torch.Tensor) -> torch.Tensor:
    """The 2-norm of each row of floats, where it is."""
    if rows.dtype in HALF:
        return torch_facts.vector_norm(rows, dim=_ROWS, dtype=torch.float32)  # type: ignore[no-any-return]
    return torch_facts.vector_norm(rows, dim=_ROWS)  # type: ignore[no-any-return]


def _real(number: Any) -> float | None:
    return None if isinstance(number, complex) else number


def n_zero_rows(grad: torch.Tensor | None) -> int | None:
    """How many rows of a gradient of two dimensions or more are zero throughout."""
    if grad is None or grad.dim() <= 1 or not may_read(grad) or grad.layout is not torch.strided or not grad.numel():
        return None
    if not grad.is_floating_point():
        return None
    largest = torch.linalg.vector_norm(grad.detach().flatten(1), ord=math.inf, dim=1)
    return int((largest == 0).sum().item())
