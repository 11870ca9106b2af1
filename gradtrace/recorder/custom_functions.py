"""Sees custom autograd functions: where `apply` was called from, and which functions are a `forward`.

Torch makes the node of a custom function, which is also its context, and runs `forward` after that. Before torch 2.14
`Function.apply` is Python, which calls a function just before; since then it is C++ as a whole, and the class of the
context is the one place where Python runs.
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
from gradtrace.recorder.patches import Patches
from gradtrace.recorder.sites import local

_MOST_WRAPPERS = 8
_MOST_KNOWN = 10_000
_WHAT = "a custom function"

_forwards: dict[int, types.CodeType] = {}
"""By identity, which they keep: the codes of `forward` and `setup_context` of custom functions, without decorators."""

_sequence_number = torch_facts.sequence_number
_number_of = torch_facts.FunctionContext._sequence_nr
_tracing_state = torch_facts.tracing_state


def is_forward(code: types.CodeType) -> bool:
    """Whether a frame with this code is the `forward` of a custom function that has been called, or a part of it."""
    return id(code) in _forwards


class CustomFunctions:
    """Notes the places of custom functions.

    Args:
        find_mode: the mode of this thread, if there is one.
    """

    def __init__(self, find_mode: Callable[[], ForwardMode | None], failures: Failures) -> None:
        self._find_mode = find_mode
        self._failures = failures

    def watch(self, patches: Patches) -> None:
        """Be called for each one, by a function that has returned when `forward` runs: it shows in no traceback."""
        if torch_facts.FUNCTION_APPLY is None:
            patches.define(torch_facts.FunctionContext, "__init__", self._context_init())
        else:
            patches.replace(torch._functorch.utils, "unwrap_dead_wrappers", self._before_node)

    def _context_init(self) -> Callable[[Any], None]:
        """What runs when the context has been made, and the node with it."""

        def __init__(context: Any) -> None:  # noqa: N807
            try:
                if not torch_facts.functorch_is_active():
                    self._note(sys._getframe(1), class_attribute(type(context), "_forward_cls"), context)
            except BaseException as error:
                if not self._failures.absorb(_WHAT, error):
                    raise

        return skipped_by_warnings(__init__)

    def _before_node(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap what `Function.apply` of torch before 2.14 calls just before its node is made."""

        def unwrap_dead_wrappers(args: tuple[Any, ...]) -> tuple[Any, ...]:
            try:
                frame = sys._getframe(1)
                if frame.f_code is torch_facts.FUNCTION_APPLY:
                    self._note(frame, local(frame, "cls"), None)
            except BaseException as error:
                if not self._failures.absorb(_WHAT, error):
                    raise
            return original(args)  # type: ignore[no-any-return]

        return skipped_by_warnings(unwrap_dead_wrappers)

    def _note(self, frame: types.FrameType, function: Any, node: Any) -> None:
        """A custom function is called from this frame; `node` is None where it is the next that will be made."""
        mode = self._find_mode()
        if mode is None or not mode.is_active or _tracing_state() is not None:
            return
        if isinstance(function, type):
            _learn(function)
        if torch.is_grad_enabled():
            number = _sequence_number() if node is None else _number_of(node)
            origin = mode.table.origin_at(frame, getattr(function, "__name__", "apply"), mode.modules)
            mode.table.add(number, number + 1, origin)


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
