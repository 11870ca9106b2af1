"""Sees custom autograd functions: where `apply` was called from, and which functions are a `forward`.

Torch makes the context of a custom function, which is its node, and runs `forward` after that. From torch 2.14 on
`apply` is C++ as a whole: the context's class is the one place where Python runs.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_mode import ForwardMode
from gradtrace.recorder.invisible import skipped_by_warnings
from gradtrace.recorder.looking import attribute, class_attribute

_MOST_WRAPPERS = 8
_MOST_KNOWN = 10_000

_forwards: dict[int, types.CodeType] = {}
"""By identity, which they keep: the codes of `forward` and `setup_context` of custom functions, without decorators."""

_number_of = torch_facts.FunctionContext._sequence_nr
_tracing_state = torch_facts.tracing_state


def is_forward(code: types.CodeType) -> bool:
    """Whether a frame with this code is the `forward` of a custom function that has been called, or a part of it."""
    return id(code) in _forwards


def watch_custom_functions(find_mode: Callable[[], ForwardMode | None], failures: Failures) -> Callable[[Any], None]:
    """The `__init__` to give to the contexts of custom functions.

    It has returned when the user's `forward` runs, so it shows in no traceback.
    """

    def note(mode: ForwardMode, context: Any, frame: types.FrameType) -> None:
        if torch_facts.functorch_is_active():
            return
        function = class_attribute(type(context), "_forward_cls")
        if not isinstance(function, type):
            return
        _learn(function)
        if torch.is_grad_enabled():
            number = _number_of(context)
            mode.table.add(number, number + 1, mode.table.origin_at(frame, function.__name__, mode.modules))

    def __init__(self: Any) -> None:  # noqa: N807
        mode = find_mode()
        if mode is not None and mode.is_active and _tracing_state() is None:
            try:
                note(mode, self, sys._getframe(1))
            except BaseException as error:
                if not failures.absorb("a custom function", error):
                    raise

    return skipped_by_warnings(__init__)


def _learn(function: type) -> None:
    """Know the codes that torch will run for this class: not those of decorators, which stand around others too."""
    for name in ("forward", "setup_context"):
        found = class_attribute(function, name)
        found = found.__func__ if type(found) in (staticmethod, classmethod) else found
        for _ in range(_MOST_WRAPPERS):
            inner = attribute(found, "__wrapped__")
            if inner is None:
                break
            found = inner
        if type(found) is types.FunctionType and id(found.__code__) not in _forwards:
            if len(_forwards) >= _MOST_KNOWN:
                _forwards.clear()
            _forwards[id(found.__code__)] = found.__code__
