"""What tells, while a tensor is alive, whether another tensor is the same unchanged one."""

from __future__ import annotations

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.measure import is_readable

Mark = tuple[int, int]
"""Address and version of a tensor's data."""

_UNKNOWN = (0, -1)


def mark(tensor: torch.Tensor) -> Mark:
    """The mark of a tensor; its address is 0 if it has none, as one of inference mode, which has no version."""
    tensor = torch_facts.local_part(tensor)
    if is_readable(tensor) and not tensor.is_inference():
        pointer = torch_facts.pointer(tensor)
        if pointer:
            return (pointer, tensor._version)
    return _UNKNOWN
