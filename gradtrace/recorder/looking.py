"""Looks at the program's objects without running any code of theirs.

`isinstance` asks an object for its `__class__`, `getattr` may run a property, `vars` too, a module's `parameters()` or
`__len__` may be the program's own. Here types are asked of the interpreter and attributes are taken from the real
dictionary of the instance.
"""

from __future__ import annotations

import contextlib
import threading
import types
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, TypeGuard

import torch

_MRO = type.__dict__["__mro__"].__get__
_NAMESPACE = type.__dict__["__dict__"].__get__
_ARGUMENTS = BaseException.__dict__["args"].__get__
_PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None), torch.Size, torch.dtype, torch.device})
_MODULE_NAME = type.__dict__["__module__"].__get__
_TENSOR = torch.Tensor
_MODULE = torch.nn.Module
_OPTIMIZER = torch.optim.Optimizer


def is_tensor(value: Any) -> TypeGuard[torch.Tensor]:
    """Whether it is a tensor, also of a subclass."""
    return issubclass(type(value), _TENSOR)


def is_module(value: Any) -> TypeGuard[torch.nn.Module]:
    """Whether it is a module."""
    return issubclass(type(value), _MODULE)


def is_optimizer(value: Any) -> TypeGuard[torch.optim.Optimizer]:
    """Whether it is an optimizer."""
    return issubclass(type(value), _OPTIMIZER)


def attributes(value: Any) -> dict[str, Any]:
    """A copy of the instance's own dictionary; empty for an object without one."""
    return copied(_own(value))


def slots(value: Any) -> dict[str, Any]:
    """What an object holds in the slots that its classes name in `__slots__`, as far as they are filled."""
    found: dict[str, Any] = {}
    for kind in _MRO(type(value)):
        namespace = _NAMESPACE(kind)
        if "__slots__" not in namespace:
            continue
        for name, descriptor in namespace.items():
            if type(descriptor) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):
                    found.setdefault(name, descriptor.__get__(value))
    return found


def attribute(value: Any, name: str) -> Any:
    """One of the instance's own attributes; None where it has none of this name."""
    found = _own(value)
    return dict.get(found, name) if is_any_of(found, dict, OrderedDict) else copied(found).get(name)


def _own(value: Any) -> Any:
    """The instance's own dictionary, which may be of a class of the program's; None for an object without one."""
    for kind in _MRO(type(value)):
        descriptor = _NAMESPACE(kind).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            return descriptor.__get__(value)
    return None


def copied(found: Any) -> dict[str, Any]:
    """A copy of a namespace, without a call of the methods of a class of the program's; empty for what is none."""
    if is_any_of(found, dict, OrderedDict):
        return dict.copy(found)
    if not issubclass(type(found), dict):
        return {}
    return {name: value for name, value in list(dict.items(found)) if type(name) is str}


def is_any_of(value: Any, *kinds: type) -> bool:
    """Whether its class is one of these; `in` would ask a metaclass of the program's for equality."""
    kind = type(value)
    for one in kinds:  # noqa: SIM110 - `any` would take three times as long
        if kind is one:
            return True
    return False


def listed(value: Any) -> list[Any]:
    """A copy of a list or tuple, also of a subclass; empty for anything else."""
    for kind in (list, tuple):
        if issubclass(type(value), kind):
            return [*kind.__iter__(value)]
    return []


def type_name(value: Any) -> str:
    """The name of its class."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def _members(module: torch.nn.Module, kind: str) -> dict[str, Any]:
    found = attribute(module, kind)
    if found is None and is_module(scripted := attribute(module, "_actual_script_module")):  # of a traced module
        found = attribute(scripted, kind)
    if issubclass(type(found), dict):
        return copied(found)
    if module_of(type(found)).startswith("torch."):  # of a scripted module
        return dict(found.items())
    return {}


class _Look(threading.local):
    found: dict[int, list[tuple[str, torch.nn.Module]]] | None = None


_look = _Look()


@contextlib.contextmanager
def one_look() -> Iterator[None]:
    """Within this nothing of the program's runs on this thread: what lies below a module is found out once."""
    _look.found = {}
    try:
        yield
    finally:
        _look.found = None


def modules(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """The module and all below it, each once, with its path: as `named_modules()` of torch gives them."""
    known = _look.found
    if known is None:
        return _modules(module)
    found = known.get(id(module))
    if found is None:
        found = known[id(module)] = list(_modules(module))
    return iter(found)


def _modules(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    seen: set[int] = set()
    stack = [("", module)]
    while stack:
        path, current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield path, current
        below = [(name, part) for name, part in _members(current, "_modules").items() if is_module(part)]
        stack.extend((f"{path}.{name}" if path else name, part) for name, part in reversed(below))


def _tensors(module: torch.nn.Module, kind: str) -> Iterator[tuple[str, torch.Tensor]]:
    seen: set[int] = set()
    for path, part in modules(module):
        for name, one in _members(part, kind).items():
            if is_tensor(one) and id(one) not in seen:
                seen.add(id(one))
                yield f"{path}.{name}" if path else name, one


def parameters(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The parameters of a module and all below it, each once, with its path."""
    return _tensors(module, "_parameters")


def buffers(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The buffers of a module and all below it, each once, with its path."""
    return _tensors(module, "_buffers")


def module_of(kind: type) -> str:
    """The module in which a class was made, without asking its metaclass."""
    name = _MODULE_NAME(kind)
    return name if type(name) is str else ""


def class_attribute(kind: type, name: str) -> Any:
    """What a class, or the first of its bases that has one, has under this name; no descriptor runs."""
    for one in _MRO(kind):
        namespace = _NAMESPACE(one)
        if name in namespace:
            return namespace[name]
    return None


def own_members(kind: type) -> list[Any]:
    """What a class itself defines, without what it inherits."""
    return list(_NAMESPACE(kind).values())


def message(error: BaseException) -> str:
    """What an exception says, without running a `__str__` or `__repr__` of the program's."""
    arguments = _ARGUMENTS(error)
    for kind in _MRO(type(error)):
        namespace = _NAMESPACE(kind)
        if "__str__" in namespace:
            if module_of(kind).partition(".")[0] in ("builtins", "torch") and all(map(_is_plain, arguments)):
                return str(error)
            break
    return " ".join(one for one in arguments if type(one) is str)


def _is_plain(value: Any) -> bool:
    """Whether Python alone says how it is written."""
    if type(value) in (list, tuple):
        return all(type(one) in _PLAIN for one in value)
    return type(value) in _PLAIN
