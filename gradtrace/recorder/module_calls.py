"""Sees what the program does with whole modules: `state_dict`, `load_state_dict`, `train` and `eval`."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any, Protocol

import torch

from gradtrace.recorder.invisible import disguised, hide
from gradtrace.recorder.patches import Patches


class Hearing(Protocol):
    """What is notified of these calls."""

    def state_taken(self, module: Any, state: Any, frame: types.FrameType) -> None:
        """`state_dict` has given a dictionary."""

    def state_loads(self, module: Any, state: Any, frame: types.FrameType) -> None:
        """`load_state_dict` is about to copy from one."""

    def mode_switched(self, module: Any, frame: types.FrameType) -> None:
        """`train` has run, which `eval` calls too."""


def watch_modules(patches: Patches, hearing: Hearing) -> None:
    """Wrap these methods of `nn.Module`."""
    module = torch.nn.Module
    patches.replace(module, "state_dict", lambda original: _watch_state_dict(original, hearing))
    patches.replace(module, "load_state_dict", lambda original: _watch_load(original, hearing))
    patches.replace(module, "train", lambda original: _watch_train(original, hearing))


def _watch_state_dict(original: Callable[..., Any], hearing: Hearing) -> Callable[..., Any]:
    @functools.wraps(original)
    def state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            state = original(self, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        if not args and kwargs.get("destination") is None:  # else a module asks its parts
            hearing.state_taken(self, state, sys._getframe(1))
        return state

    return disguised(state_dict, original)


def _watch_load(original: Callable[..., Any], hearing: Hearing) -> Callable[..., Any]:
    @functools.wraps(original)
    def load_state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = args[0] if args else kwargs.get("state_dict")
        is_assigned = args[2] if len(args) > 2 else kwargs.get("assign", False)  # noqa: PLR2004 - the third
        if is_assigned is False:
            hearing.state_loads(self, state, sys._getframe(1))
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise

    return disguised(load_state_dict, original)


def _watch_train(original: Callable[..., Any], hearing: Hearing) -> Callable[..., Any]:
    @functools.wraps(original)
    def train(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        hearing.mode_switched(self, sys._getframe(1))
        return result

    return disguised(train, original)
