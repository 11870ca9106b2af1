"""Which frames are those of the `forward` of a custom Function that torch runs, and where its node is made from.

Up to torch 2.13 `Function.apply` is written in Python, and its frame lies around that of `forward`. Later it is not: a
frame is then known by its code, and the place by what `forward` calls.
"""

from __future__ import annotations

import types
from collections.abc import Iterator

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.looking import class_attribute

_MAX_DEPTH = 20
_subclasses = type.__subclasses__
_forwards: dict[int, tuple[bool, types.CodeType]] = {}
"""By the id of a code: whether it is that of a `forward`; to keep the code keeps its id from being reused."""

HAS_FRAME = torch_facts.FUNCTION_APPLY is not None
"""Whether `Function.apply` has a frame."""


def is_forward(frame: types.FrameType) -> bool:
    """Whether torch runs a custom Function with the call that has this frame."""
    if HAS_FRAME:
        outer = frame.f_back
        return outer is not None and outer.f_code is torch_facts.FUNCTION_APPLY
    code = frame.f_code
    known = _forwards.get(id(code))
    if known is None:
        if len(_forwards) > 100_000:  # noqa: PLR2004 - a program that makes code without end
            _forwards.clear()
        known = _forwards[id(code)] = (any(one is code for one in _codes()), code)
    return known[0]


def forward_around(frame: types.FrameType) -> types.FrameType | None:
    """The frame of the innermost `forward` from which this one was called; None where there is none nearby."""
    inner: types.FrameType | None = frame
    for _ in range(_MAX_DEPTH):
        if inner is None or is_forward(inner):
            return inner
        inner = inner.f_back
    return None


def name_of(frame: types.FrameType) -> str:
    """The class of the custom Function whose `forward` has this frame, as its definition calls it."""
    return frame.f_code.co_qualname.rpartition(".")[0].rpartition(".")[2] or "apply"


def _codes() -> Iterator[types.CodeType]:
    """The code of each `forward` of a custom Function."""
    classes = _subclasses(torch.autograd.Function)
    while classes:
        one = classes.pop()
        classes += _subclasses(one)
        forward = class_attribute(one, "forward")
        function = forward.__func__ if type(forward) is staticmethod else forward
        if type(function) is types.FunctionType:
            yield function.__code__
