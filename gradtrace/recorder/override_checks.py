"""Keeps torch's Python functions on their own paths while our mode is on the stack of modes.

`has_torch_function*` says yes whenever any mode is on the stack. A function that asks it would then hand the call to
`handle_torch_function`: an error in `cross_entropy` or `backward` would show two more frames, a warning would be
counted wrongly, and `TransformerEncoder` in evaluation would leave its fused path and give other numbers (measured:
9.5e-7). So while a pass is recorded these three are answered as if our mode were not there.

The replacements are safe wherever they get to: somebody who keeps one has a function that asks the original as soon as
a mode of the program's is on the stack or nothing is recorded, and TorchScript knows them as it knows the originals.
Compiled code never sees them: `modes` puts the originals back for as long as a compiled callable runs.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import skipped_by_warnings

_PLAIN = torch_facts.PLAIN_TYPES
_DISABLED = torch_facts.disabled_torch_function

_mode_is_ours: Callable[[], bool] = lambda: False  # noqa: E731 - what `install` replaces


def _overrides(value: Any) -> bool:
    """Whether an object brings a `__torch_function__` of its own, whatever modes there are."""
    kind = type(value)
    return kind not in _PLAIN and getattr(kind, "__torch_function__", _DISABLED) is not _DISABLED


def _of_all(original: Callable[[Any], bool]) -> Callable[..., bool]:
    def has_torch_function(relevant_args: Any) -> bool:
        return any(map(_overrides, relevant_args)) if _mode_is_ours() else original(relevant_args)

    return has_torch_function


def _of_one(original: Callable[[Any], bool]) -> Callable[..., bool]:
    def has_torch_function_unary(obj: Any) -> bool:
        return _overrides(obj) if _mode_is_ours() else original(obj)

    return has_torch_function_unary


def _of_each(original: Callable[..., bool]) -> Callable[..., bool]:
    def has_torch_function_variadic(*args: Any) -> bool:
        return any(map(_overrides, args)) if _mode_is_ours() else original(*args)

    return has_torch_function_variadic


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


def places() -> Iterator[tuple[dict[str, Any], str, Callable[..., bool], Callable[..., bool]]]:
    """Where torch's own modules hold the checks: namespace, name, original, replacement."""
    for name, check in _replacements().items():
        original = torch_facts.HAS_TORCH_FUNCTION[name]
        for module in list(sys.modules.values()):
            if type(module) is not types.ModuleType:
                continue
            namespace = vars(module)
            inside = namespace.get("__name__")
            if type(inside) is str and inside.startswith("torch.") and namespace.get(name) is original:
                yield namespace, name, original, check


def answer_for(mode_is_ours: Callable[[], bool]) -> None:
    """Say how it is known that the only mode on this thread's stack is ours."""
    global _mode_is_ours  # noqa: PLW0603 - the replacements are one for the process
    _mode_is_ours = mode_is_ours
