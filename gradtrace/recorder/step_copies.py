"""What a step changed, measured of some steps: the parameters are copied before, and compared after it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.readings import Reading, Readings, may_read
from gradtrace.recorder.tables import FLOATS
from gradtrace.recorder.tensor_norms import foreach_norms

_SHARE = 0.02
"""The share of the time that may go into it."""
_FIRST = 8
"""So many steps are measured at least, of parameters that are not large."""
_LARGE = 4 << 20
"""Bytes."""
_LARGEST = 512 << 20
"""Bytes: of more parameters no copy is taken."""
_GAP = 20
"""On an accelerator, whose time nobody measures, so many steps lie in between at least."""

_Key = tuple[torch.device, torch.dtype]


class StepCopies:
    """The copies of one optimizer's parameters."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._spent = 0.0
        self._last = 0.0
        self._n_steps = 0
        self._next = 0
        self._n_taken = 0
        self._copies: list[tuple[_Key, list[torch.Tensor], list[torch.Tensor]]] = []

    def take(self, tensors: Sequence[torch.Tensor]) -> None:
        """A step begins: copy what it may change, if it is time."""
        self._copies = []
        self._n_steps += 1
        n_bytes = self._size(tensors) if self._is_due() else None
        if n_bytes is None or n_bytes > _LARGEST or (not self._n_taken and not self._may_begin(n_bytes)):
            return
        begin = time.perf_counter()
        alike: dict[_Key, list[torch.Tensor]] = {}
        for one in tensors:
            alike.setdefault((one.device, one.dtype), []).append(one.detach())
        try:
            self._copies = [(key, some, [one.clone() for one in some]) for key, some in alike.items()]
        except torch.OutOfMemoryError:
            self._next = self._n_steps + 1_000_000
        self._last = time.perf_counter() - begin

    def _is_due(self) -> bool:
        if self._n_taken < _FIRST and self._n_steps <= _FIRST:
            return True
        budget = _SHARE * (time.perf_counter() - self._began) - self._spent
        return self._n_steps >= self._next and budget > self._spent / max(self._n_taken, 1)

    def _may_begin(self, n_bytes: int) -> bool:
        """Whether the first copy, of which nobody knows how long it takes, is surely a small one, or late enough."""
        return n_bytes <= _LARGE or _SHARE * (time.perf_counter() - self._began) > n_bytes / 1e9

    @staticmethod
    def _size(tensors: Sequence[torch.Tensor]) -> int | None:
        """Bytes of parameters that are all dense floats; None of others."""
        total = 0
        for one in tensors:
            if type(one) not in torch_facts.PLAIN_TYPES or one.dtype not in FLOATS or not may_read(one):
                return None
            if one.layout is not torch.strided:
                return None
            total += one.numel() * one.element_size()
        return total or None

    def compare(self, readings: Readings) -> tuple[Reading | None, Reading | None]:
        """The step is over: the 2-norm of what it changed, and that of the parameters before it, where copied."""
        copies, self._copies = self._copies, []
        if not copies:
            return None, None
        begin = time.perf_counter()
        changes, weights = [], []
        for (_, dtype), tensors, before in copies:
            weights.append(foreach_norms(before, dtype))
            torch._foreach_sub_(before, tensors)
            changes.append(foreach_norms(before, dtype))
        on_one = {one.device for one in weights}
        change = weight = None
        if len(on_one) == 1:
            change, weight = (readings.number(torch_facts.vector_norm(torch.cat(some))) for some in (changes, weights))
        self._n_taken += 1
        self._spent += self._last + time.perf_counter() - begin
        if not all(one.type == "cpu" for one in on_one):
            self._next = self._n_steps + _GAP
        return change, weight
