"""Hooks of ours at the nodes of a graph, of which there may be a million.

For each hook that is registered at a node, torch makes an ordered dictionary and a handle, which cost as much as the
hook itself. It does so in a Python function, which is told apart here whose hook it is: one of ours gets a small
dictionary, in which the program's own hooks can be put after it as in torch's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

import torch

from gradtrace.recorder.invisible import disguised
from gradtrace.recorder.patches import Patches

_NAME = "_register_hook"
_KEY = "gradtrace"
"""Our key in a dictionary of hooks; torch's own are numbers."""


class Removable(Protocol):
    """What registering a hook returns."""

    def remove(self) -> None:
        """Take the hook away."""


class NodeHook(functools.partial[None]):
    """A hook of ours, called with what torch gives to it."""


class _Hooks(dict[Any, Any]):
    """The hooks of a node at which ours came first; a handle of the program's refers to it weakly."""

    __slots__ = ("__weakref__",)

    def remove(self) -> None:
        """Take ours away."""
        self.pop(_KEY, None)


class _Entry:
    """Our place among hooks of the program's."""

    __slots__ = ("_hooks",)

    def __init__(self, hooks: dict[Any, Any]) -> None:
        self._hooks = hooks

    def remove(self) -> None:
        """Take ours away."""
        self._hooks.pop(_KEY, None)


def watch(patches: Patches) -> None:
    """Let hooks of ours be registered in this way; elsewhere torch's own way is taken, which costs more."""
    mixin = getattr(torch.autograd.function, "_HookMixin", None)
    if mixin is not None and _NAME in vars(mixin):
        patches.replace(mixin, _NAME, _telling_apart)


def _telling_apart(method: Any) -> Any:
    original: Callable[[Any, Any], tuple[Any, Removable]] = method.__func__

    @functools.wraps(original)
    def _register_hook(hooks: Any, hook: Any) -> tuple[Any, Removable]:
        if type(hook) is not NodeHook or (hooks and _KEY in hooks):  # two passes run over this node
            return original(hooks, hook)
        if hooks is None:
            hooks = _Hooks()
        hooks[_KEY] = hook
        return hooks, hooks if type(hooks) is _Hooks else _Entry(hooks)

    return staticmethod(disguised(_register_hook, original))
