"""What tells, while a tensor is alive, whether another tensor is the same unchanged one."""

from __future__ import annotations

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.sections import is_foreign

Mark = tuple[int, int]
"""Address and version of a tensor's data."""

_UNKNOWN = (0, -1)
_PLAIN = torch_facts.PLAIN_TYPES
_functorch_is_active = torch_facts.functorch_is_active
_is_functorch_wrapped = torch_facts.is_functorch_wrapped


def mark(tensor: torch.Tensor) -> Mark:
    """The mark of a tensor; its address is 0 if it has none, as one of inference mode, which has no version."""
    if type(tensor) not in _PLAIN:
        tensor = torch_facts.local_part(tensor)
    if (
        type(tensor) not in _PLAIN
        or tensor.layout is not torch.strided
        or tensor.is_nested
        or tensor.is_inference()
        or _functorch_is_active()
        or _is_functorch_wrapped(tensor)
        or not (tensor.is_cpu or not torch_facts.is_capturing())
    ):
        return _UNKNOWN
    try:
        pointer = tensor.data_ptr()
    except RuntimeError as error:  # zeros that torch never wrote anywhere
        if is_foreign(error):
            raise
        return _UNKNOWN
    return (pointer, tensor._version) if pointer else _UNKNOWN
