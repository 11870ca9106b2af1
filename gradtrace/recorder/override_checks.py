"""Keeps torch's Python functions on their own paths while our mode is on the stack of modes.

`has_torch_function*` says yes whenever any mode is on the stack. A function that asks it would then hand the call to
`handle_torch_function`: an error in `cross_entropy` or `backward` would show two more frames, a warning would be
counted wrongly, and `TransformerEncoder` in evaluation would leave its fused path and give other numbers (measured:
9.5e-7). So while a pass is recorded these three are answered as if our mode were not there.

Only torch's own functions find them, among the globals of their modules. Who imports a check, or asks a module for it,
gets the original: the modules are for that time of a class whose attributes of these names say so. TorchScript, which
looks into the globals, knows the replacements as it knows the originals. Compiled code never sees them: `modes` takes
them away for as long as a compiled callable runs.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from gradtrace.recorder import torch_facts
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.invisible import skipped_by_warnings

_PLAIN = torch_facts.PLAIN_TYPES
_DISABLED = torch_facts.disabled_torch_function

_mode_is_ours: Callable[[], bool] = lambda: False  # noqa: E731 - what `answer_for` replaces
_failures: Failures | None = None


def _overrides(value: Any) -> bool:
    """Whether an object brings a `__torch_function__` of its own, whatever modes there are."""
    kind = type(value)
    return kind not in _PLAIN and getattr(kind, "__torch_function__", _DISABLED) is not _DISABLED


def _of_all(original: Callable[[Any], bool]) -> Callable[..., bool]:
    def has_torch_function(relevant_args: Any) -> bool:
        try:
            if _mode_is_ours():
                return any(map(_overrides, relevant_args))
        except BaseException as error:
            if not _absorb(error):
                raise
        return original(relevant_args)

    return has_torch_function


def _of_one(original: Callable[[Any], bool]) -> Callable[..., bool]:
    def has_torch_function_unary(obj: Any) -> bool:
        try:
            if _mode_is_ours():
                return _overrides(obj)
        except BaseException as error:
            if not _absorb(error):
                raise
        return original(obj)

    return has_torch_function_unary


def _of_each(original: Callable[..., bool]) -> Callable[..., bool]:
    def has_torch_function_variadic(*args: Any) -> bool:
        try:
            if _mode_is_ours():
                return any(map(_overrides, args))
        except BaseException as error:
            if not _absorb(error):
                raise
        return original(*args)

    return has_torch_function_variadic


def _absorb(error: BaseException) -> bool:
    """As `Failures.absorb`; torch's own check then answers."""
    return _failures is not None and _failures.absorb("a check for overrides", error)


_MAKERS = {
    "has_torch_function": _of_all,
    "has_torch_function_unary": _of_one,
    "has_torch_function_variadic": _of_each,
}


@functools.cache
def _replacements() -> dict[str, Callable[..., bool]]:
    made = {}
    for name, original in torch_facts.HAS_TORCH_FUNCTION.items():
        check = skipped_by_warnings(_MAKERS[name](original))
        functools.update_wrapper(check, original)
        torch_facts.make_known_to_torchscript(check)
        made[name] = check
    return made


def _getter(name: str, original: Callable[..., bool]) -> property:
    """An attribute that shows everybody who asks a module for a check the original, and keeps what they put there."""

    def get(module: types.ModuleType) -> Any:
        value = vars(module)[name]
        return original if value is _replacements()[name] else value

    def put(module: types.ModuleType, value: Any) -> None:
        vars(module)[name] = value

    def remove(module: types.ModuleType) -> None:
        del vars(module)[name]

    return property(get, put, remove)


def _getter_of_overrides(name: str, original: Callable[..., bool]) -> property:
    """The same for `torch.overrides`, whose own attribute stays: the modules of torch ask it by that name."""
    shown = _getter(name, original)

    def get(module: types.ModuleType) -> Any:
        value = vars(module)[name]
        asks = sys._getframe(1).f_code.co_filename
        is_torchs = value is original and asks.startswith(torch_facts.NN_DIRECTORY)
        return _replacements()[name] if is_torchs else value

    return property(get, shown.fset, shown.fdel)


def _kind_of_module(getter: Callable[[str, Callable[..., bool]], property]) -> type[types.ModuleType]:
    originals = torch_facts.HAS_TORCH_FUNCTION.items()
    return type("module", (types.ModuleType,), {name: getter(name, original) for name, original in originals})


_Module = _kind_of_module(_getter)
_Overrides = _kind_of_module(_getter_of_overrides)


class Checks:
    """The replacements, in place or not."""

    def __init__(self) -> None:
        self._modules: list[types.ModuleType] = []

    def put(self) -> None:
        """Let torch's own functions find the replacements among their globals, and nobody else."""
        if self._modules:
            return
        for module in list(sys.modules.values()):
            if type(module) is not types.ModuleType:
                continue
            namespace = vars(module)
            inside = namespace.get("__name__")
            if type(inside) is not str or not inside.startswith("torch."):
                continue
            found = [name for name, one in torch_facts.HAS_TORCH_FUNCTION.items() if namespace.get(name) is one]
            if not found:
                continue
            self._modules.append(module)
            if inside == "torch.overrides":
                module.__class__ = _Overrides
                continue
            module.__class__ = _Module
            for name in found:
                namespace[name] = _replacements()[name]

    def take_away(self) -> None:
        """Everything is as it was."""
        while self._modules:
            module = self._modules.pop()
            module.__class__ = types.ModuleType
            namespace = vars(module)
            for name, original in torch_facts.HAS_TORCH_FUNCTION.items():
                if namespace.get(name) is _replacements()[name]:
                    namespace[name] = original


def answer_for(mode_is_ours: Callable[[], bool], failures: Failures) -> None:
    """Say how it is known that the only mode on this thread's stack is ours, and what is notified when that fails."""
    global _mode_is_ours, _failures
    _mode_is_ours, _failures = mode_is_ours, failures
