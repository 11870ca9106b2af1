"""The variables that can be seen from a call outwards, and what a person would call what they hold."""

from __future__ import annotations

import contextlib
import dis
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.looking import (
    attributes,
    class_attribute,
    copied,
    is_any_of,
    is_module,
    is_optimizer,
    is_tensor,
    listed,
    module_of,
    own_members,
    slots,
)
from gradtrace.recorder.sites import has_own_names, is_internal, is_own, locals_of

TRANSPARENT = frozenset({"_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Attributes by which the wrappers of torch, Fabric and FSDP hold what they wrap, and that nobody else uses."""
_MAX_ITEMS = 500
_MAX_OBJECTS = 5_000
_MAX_DEPTH = 6
_MAX_KEY = 60
_MAX_CODES = 500
_CO_NEWLOCALS = 0x2
_OPAQUE = (
    *(type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.CodeType),
    *(torch.optim.Optimizer, torch.dtype, torch.device, str, bytes, int, float, complex, type(None)),
)
_NUMBERS = frozenset({type(None), bool, int, float, complex, str})
_TAKEN = (torch.Tensor, torch.nn.Module, torch.optim.Optimizer)
"""What a scope knows by name."""
_CLOSED = frozenset({"torch", "numpy", "builtins", "threading", "logging", "pathlib", "re", "enum"})
"""Packages whose objects hold nothing that a person would call by a path."""
_SHELL = frozenset({"_oh", "Out", "_ih", "In", "_dh", "_i", "_ii", "_iii", "__", "___"})
"""What IPython keeps in the namespace of its user: the results and the sources of the cells."""

_loops: dict[int, tuple[types.CodeType, frozenset[str]]] = {}


class _Space(NamedTuple):
    variables: dict[str, Any]
    code: types.CodeType | None
    """The code that assigns them, if it is running."""
    is_own: bool


class Scope:
    """The variables that can be seen from a call outwards, for the moment; it holds references and must not be kept.

    A variable of the program's own, the innermost first, goes before an element of a container and an attribute, and
    these go before what a library calls it. Of a leaf that a container holds a variable that a loop assigns is not
    the name: after `for p in params` it would be that of the last.
    """

    def __init__(self, frame: types.FrameType | None) -> None:
        self.tensors: dict[int, str] = {}
        self.of_loops: set[int] = set()
        """Those of which only the variable of a loop is known."""
        self.results: dict[Any, dict[int, str]] = {}
        """By node: output number to name."""
        self.optimizers: dict[int, str] = {}
        self.modules: list[tuple[str, torch.nn.Module]] = []
        self._spaces = list(_spaces(frame))
        self._paths: dict[int, str] | None = None
        self._codes: list[types.CodeType] | None = None
        for own in (True, False):
            spaces = [space for space in self._spaces if space.is_own is own]
            for space in spaces:
                self._take_variables(space)
            for space in spaces:
                self._take_parts(space)
            for space in spaces:
                self._take_variables(space, also_loops=True)

    def name(self, tensor: torch.Tensor) -> str | None:
        """The variable, or what leads to the tensor from one."""
        variable = self.tensors.get(id(tensor))
        return self.path(tensor) or variable if variable is None or id(tensor) in self.of_loops else variable

    def holds_other(self, name: str, code: types.CodeType) -> bool:
        """Whether a variable of running code holds an object that is no tensor; the tensor may be a part of it."""
        value = next((one.variables[name] for one in self._spaces if one.code is code and name in one.variables), None)
        return not (is_tensor(value) or type(value) in _NUMBERS)

    def path(self, thing: object) -> str | None:
        """What leads to a tensor or a module through containers and attributes: `net.blocks[0].attn.qkv`."""
        if self._paths is None:
            self._paths = _paths([space for space in self._spaces if space.is_own] or self._spaces)
        return self._paths.get(id(thing))

    def visible(self) -> Iterator[tuple[str, torch.Tensor, types.CodeType | None]]:
        """Tensors with all names that the program has for them, and the code that assigns a variable, if it runs.

        Variables go first, then what is best known as an element or an attribute.
        """
        variables: set[int] = set()
        held: dict[int, torch.Tensor] = {}
        spaces = [space for space in self._spaces if space.is_own] or self._spaces
        for space in spaces:
            for name, value in space.variables.items():
                if is_tensor(value):
                    variables.add(id(value))
                    yield name, value, space.code
        for space in spaces:
            parts = [item for value in space.variables.values() for _, item in _items(value, torch.Tensor)]
            parts += attributes(space.variables.get("self")).values()
            held.update((id(item), item) for item in parts if is_tensor(item))
        for number, tensor in held.items():
            if number not in variables and number in self.tensors:
                yield self.tensors[number], tensor, None

    def variables(self) -> Iterator[tuple[str, Any, types.CodeType | None]]:
        """What the program's variables hold, then the attributes of `self`, with the code that assigns a variable."""
        spaces = [space for space in self._spaces if space.is_own] or self._spaces
        for space in spaces:
            for name, value in space.variables.items():
                if name not in ("self", "cls"):
                    yield name, value, space.code
        for space in spaces:
            for key, value in attributes(space.variables.get("self")).items():
                if type(key) is str and not key.startswith("_"):
                    yield f"self.{key}", value, None

    def held(self) -> Iterator[tuple[str, torch.Tensor, object]]:
        """Tensors that a variable leads to, each once, with the path there and what holds it; None for a variable."""
        for path, thing, holder in _reachable([space for space in self._spaces if space.is_own] or self._spaces):
            if is_tensor(thing):
                yield path, thing, holder

    def codes(self) -> list[types.CodeType]:
        """The program's own code that can be seen: what runs, innermost first, and functions and methods beside it."""
        if self._codes is None:
            spaces = [space for space in self._spaces if space.is_own] or self._spaces
            found = {id(space.code): space.code for space in spaces if space.code is not None}
            for value in (value for space in spaces for value in space.variables.values()):
                if len(found) > _MAX_CODES:
                    break
                found.update((id(code), code) for code in codes_of(value))
            self._codes = list(found.values())
        return self._codes

    def _take_variables(self, space: _Space, *, also_loops: bool = False) -> None:
        for name, value in space.variables.items():
            if not issubclass(type(value), _TAKEN):
                continue
            of_loop = _is_of_loop(name, value, space)
            if of_loop and also_loops and id(value) not in self.tensors:
                self.of_loops.add(id(value))
            if also_loops or not of_loop:
                self._take_item(name, value, once=also_loops)

    def _take_parts(self, space: _Space) -> None:
        for name, value in space.variables.items():
            for step, item in _items(value, _TAKEN):
                self._take_item(name + step, item)
        own = space.variables.get("self")
        if own is None:
            return
        for key, item in attributes(own).items():
            if is_tensor(item) or not is_module(own):
                self._take_item(f"self.{key}", item)

    def _take_item(self, name: str, value: Any, *, once: bool = False) -> None:
        if is_tensor(value):
            self._take_tensor(name, value)
        elif once:
            return
        elif is_module(value):
            self.modules.append((name, value))
        elif is_optimizer(value):
            self.optimizers.setdefault(id(value), name)

    def _take_tensor(self, name: str, tensor: torch.Tensor) -> None:
        self.tensors.setdefault(id(tensor), name)
        if type(tensor) in torch_facts.PLAIN_TYPES and tensor.requires_grad:
            if torch_facts.is_written_view(tensor):  # its grad_fn may be stale, and asking would make a new one
                return
            node = tensor.grad_fn
            if node is not None:
                self.results.setdefault(node, {}).setdefault(tensor.output_nr, name)


def _spaces(frame: types.FrameType | None) -> Iterator[_Space]:
    """The namespaces of the frames from this one outwards, but for those of torch."""
    seen: set[int] = set()
    running: dict[int, types.CodeType] = {}
    frames: list[types.FrameType] = []
    while frame is not None:
        if not is_internal(frame.f_code):
            frames.append(frame)
            if not frame.f_code.co_flags & _CO_NEWLOCALS:
                running.setdefault(id(frame.f_globals), frame.f_code)
        frame = frame.f_back
    for one in frames:
        own = has_own_names(one.f_code)
        if one.f_code.co_flags & _CO_NEWLOCALS:
            yield _Space(_variables(locals_of(one)), one.f_code, own)
        if id(one.f_globals) not in seen:
            seen.add(id(one.f_globals))
            yield _Space(_variables(one.f_globals), running.get(id(one.f_globals)), own)


def _variables(namespace: dict[str, Any]) -> dict[str, Any]:
    """What a person has named in a namespace: neither what Python keeps there, nor a shell, nor pytest."""
    found = copied(namespace)
    of_shell = "_oh" in found and "_ih" in found
    return {
        name: value
        for name, value in found.items()
        if type(name) is str
        and name.isidentifier()
        and not name.startswith("__")
        and name != "_"
        and not (of_shell and (name in _SHELL or name.strip("_i").isdecimal()))
    }


def codes_of(value: Any) -> Iterator[types.CodeType]:
    """The code of a function or of the methods of a class, if it is the program's own, with what is nested in it."""
    members = own_members(value) if issubclass(type(value), type) else [value]
    stack = [_code_of(one) for one in members]
    while stack:
        code = stack.pop()
        if code is not None and is_own(code):
            yield code
            stack.extend(one for one in code.co_consts if type(one) is types.CodeType)


def _code_of(value: Any) -> types.CodeType | None:
    if is_any_of(value, staticmethod, classmethod):
        value = value.__func__
    elif type(value) is property:
        value = value.fget
    if type(value) is types.FunctionType:
        value = value.__dict__.get("__wrapped__", value)
    return value.__code__ if type(value) is types.FunctionType else None


def _is_leaf(value: Any) -> bool:
    return type(value) in torch_facts.PLAIN_TYPES and value.requires_grad and torch_facts.is_leaf(value)


def _is_of_loop(name: str, value: Any, space: _Space) -> bool:
    """Whether a loop assigned the variable, which holds a leaf: that of its last turn."""
    return _is_leaf(value) and space.code is not None and name in _loop_variables(space.code)


def _loop_variables(code: types.CodeType) -> frozenset[str]:
    """The names that `for` assigns in this code."""
    known = _loops.get(id(code))
    if known is None:
        if len(_loops) > 1_000:  # noqa: PLR2004 - a program that makes code without end
            _loops.clear()
        known = _loops[id(code)] = (code, frozenset(_assigned_by_loops(code)))
    return known[1]


def _assigned_by_loops(code: types.CodeType) -> Iterator[str]:
    awaited = 0
    for one in dis.get_instructions(code):
        if one.opname == "FOR_ITER":
            awaited = 1
        elif awaited and one.opname in ("UNPACK_SEQUENCE", "UNPACK_EX"):
            count = one.arg or 0
            awaited += count - 1 if one.opname == "UNPACK_SEQUENCE" else (count & 0xFF) + (count >> 8)
        elif awaited and one.opname.startswith("STORE_") and one.opname not in ("STORE_SUBSCR", "STORE_ATTR"):
            names = one.argval if type(one.argval) is tuple else (one.argval,)
            awaited = max(0, awaited - len(names))
            yield from names
        elif one.opname not in ("EXTENDED_ARG", "CACHE"):
            awaited = 0


def _items(value: Any, kinds: type | tuple[type, ...] = object) -> list[tuple[str, Any]]:
    """What of some kinds a list, tuple or dictionary holds, each with how it is reached."""
    if is_any_of(value, list, tuple) and len(value) <= _MAX_ITEMS:
        items = enumerate(tuple(value))
        return [(f"[{position}]", item) for position, item in items if issubclass(type(item), kinds)]
    if is_any_of(value, dict, OrderedDict, defaultdict) and dict.__len__(value) <= _MAX_ITEMS:
        pairs = tuple(dict.items(value))
        return [(f"[{key!r}]", item) for key, item in pairs if issubclass(type(item), kinds) and _is_short(key)]
    return []


def _is_short(key: Any) -> bool:
    return type(key) is int or (type(key) is str and len(key) <= _MAX_KEY)


def _paths(spaces: list[_Space]) -> dict[int, str]:
    """How tensors and modules are reached from variables."""
    found: dict[int, str] = {}
    for path, thing, _ in _reachable(spaces):
        found.setdefault(id(thing), path)
    return found


def _reachable(spaces: list[_Space]) -> Iterator[tuple[str, Any, Any]]:
    """Tensors and modules that variables lead to, in the fewest steps, within bounds, each with what holds it.

    Leaves that only the variable of a loop leads to come last.
    """
    seen: set[int] = set()
    variables = [
        (name, value, _is_of_loop(name, value, space)) for space in spaces for name, value in space.variables.items()
    ]
    queue: deque[tuple[str, Any, Any, int]] = deque(
        (name, value, None, 0) for name, value, of_loop in variables if not of_loop
    )
    while queue and len(seen) < _MAX_OBJECTS:
        path, value, holder, depth = queue.popleft()
        if id(value) in seen:
            continue
        if type(value) is types.FunctionType and is_own(value.__code__):
            seen.add(id(value))
            queue.extend((name, part, value, depth + 1) for name, part in _enclosed(value))
            queue.extend((f"{path}.{name}", part, value, depth + 1) for name, part in attributes(value).items())
        if issubclass(type(value), _OPAQUE):
            continue
        seen.add(id(value))
        if is_tensor(value) or is_module(value):
            yield path, value, holder
        if depth < _MAX_DEPTH and not is_tensor(value):
            queue.extend((path + step, part, value, depth + 1) for step, part in _parts(value))
    for name, value, of_loop in variables:
        if of_loop and id(value) not in seen:
            seen.add(id(value))
            yield name, value, None


def _enclosed(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables of the functions around one that it uses, as far as they are filled."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with contextlib.suppress(ValueError):
            yield name, cell.cell_contents


def _parts(value: Any) -> list[tuple[str, Any]]:
    """What a container or an object of the program's holds, each with how it is reached."""
    if is_module(value):
        return _parts_of_module(value)
    if is_any_of(value, deque):
        return [(f"[{position}]", item) for position, item in enumerate(value.copy())][:_MAX_ITEMS]
    items = _items(value)
    if items or is_any_of(value, list, tuple, dict, OrderedDict, defaultdict):
        return items
    kind = type(value)
    if issubclass(kind, tuple):
        fields = class_attribute(kind, "_fields")
        if type(fields) is tuple and len(fields) == tuple.__len__(value):
            return [(f".{name}", item) for name, item in zip(fields, tuple.__iter__(value), strict=True)]
        return []
    if kind is types.SimpleNamespace:
        return [(f".{name}", item) for name, item in value.__dict__.copy().items()]
    if module_of(kind).partition(".")[0] in _CLOSED:
        return []
    held = {**slots(value), **attributes(value)}
    found = [(f".{name}", item) for name, item in held.items() if not name.startswith("__")]
    return found + _items(copied(value) if issubclass(kind, dict) else listed(value))


def _parts_of_module(module: torch.nn.Module) -> list[tuple[str, Any]]:
    found = attributes(module)
    parts = [(f".{name}", item) for name, item in found.items() if not name.startswith("_")]
    for kind in ("_parameters", "_buffers", "_modules"):
        for name, item in copied(found.get(kind)).items():
            step = f"[{name}]" if name.isdecimal() else f".{name}"
            parts.append(("" if name in TRANSPARENT else step, item))
    return parts
