"""The call of torch's that raised what ended the program: in which module, and which tensors it was given.

All of it is read from the frames that the exception came through, which have ended; nothing is watched for it.
"""

from __future__ import annotations

import ast
import dis
import linecache
import types
from collections.abc import Iterator
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import positions
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import (
    attribute,
    attributes,
    copied,
    is_module,
    is_tensor,
    listed,
    module_of,
    modules,
    parameters,
    type_name,
)
from gradtrace.recorder.measure import has_memory, is_readable
from gradtrace.recorder.names import Names
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import called_module, frames_of, is_internal, is_own, locals_of
from gradtrace.recorder.stream import plain_text

_KINDS = (RuntimeError, IndexError, ValueError, TypeError, AssertionError)
_MOST_TENSORS = 12
_MOST_ITEMS = 8
_MOST_STEPS = 40
_MOST_ELEMENTS = 1_000_000
_MOST_NODES = 500
_RAISES = frozenset({"RAISE_VARARGS", "RERAISE", "LOAD_ASSERTION_ERROR"})
_ENGINE = frozenset({"_engine_run_backward"})
_PASSED_THROUGH = frozenset({"forward", "fn", "wrapped", "wrapper", "decorate_context", "inner"})
_WHOLE = frozenset({torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8})
_MRO = type.__dict__["__mro__"].__get__


def rejected_call(error: BaseException, leaves: Leaves, names: Names) -> dict[str, Any] | None:
    """What a recording says of the call, or None where it was no call of torch's that raised.

    Args:
        error: what ended the program.
        leaves: parameters that the call was given become known to it.
        names: modules that are being called become known to it.
    """
    if not issubclass(type(error), _KINDS):
        return None
    steps = list(frames_of(error))
    outer = max((n for n, (frame, _) in enumerate(steps) if not is_internal(frame.f_code)), default=None)
    if outer is None or any(frame.f_code.co_name in _ENGINE for frame, _ in steps[outer:]):
        return None
    called = [(n, module) for n, (frame, _) in enumerate(steps) if (module := _module_of(frame)) is not None]
    module = called[-1][1] if called else None
    is_of_torch = module is not None and called[-1][0] > outer
    inner = [frame for frame, _ in steps[(called[-1][0] if is_of_torch else outer) + 1 :]]
    function = next((frame for frame in inner if _is_public(frame.f_code.co_name)), None)
    named = list(_named_in_expression(*steps[outer]))
    own: list[tuple[str, torch.Tensor]] = []
    if is_of_torch and module is not None:
        given = list(_given_to_module(steps[called[-1][0]][0], inner))
        own = list(_own_tensors(module))
    else:
        given = list(_arguments(function or inner[0])) if inner else named
    if not given and not own:
        return None
    variables = {id(tensor): name for name, tensor in named}
    outside = steps[: called[0][0]] if called else steps  # in the model everybody calls it `self`
    scope = Scope(next((frame for frame, _ in reversed(outside) if is_own(frame.f_code)), steps[outer][0]))
    names.learn(scope, [called[0][1]] if called else [])
    return {
        "name": "" if function is None else function.f_code.co_name,
        "module": plain_text(_path(module, called[0][1], scope, names)) if module is not None else "",
        "module_class": _kind(module) if module is not None else "",
        "is_of_module": is_of_torch,
        "settings": _settings(module) if is_of_torch and module is not None else [],
        "tensors": [
            [*_row(name, tensor, leaves, scope), plain_text(variables.get(id(tensor), ""))]
            for name, tensor in (given + own)[:_MOST_TENSORS]
        ],
    }


def _module_of(frame: types.FrameType) -> torch.nn.Module | None:
    """The module whose call a frame is."""
    return called_module(frame) if frame.f_code is torch_facts.CALL_IMPL else None


def _is_public(name: str) -> bool:
    return not name.startswith(("_", "<")) and name not in _PASSED_THROUGH


def _path(module: torch.nn.Module, root: torch.nn.Module, scope: Scope, names: Names) -> str:
    """What a person calls it: its path in the model, behind the model's name where there is no more of it."""
    return names.module_path(module) or scope.path(module) or ("" if module is not root else scope.path(root) or "")


def _kind(module: torch.nn.Module) -> str:
    """The class of torch's that it is of, else its own."""
    for kind in _MRO(type(module)):
        if kind is not torch.nn.Module and module_of(kind).startswith("torch.nn."):
            return str(kind.__name__)
    return plain_text(type_name(module))


def _settings(module: torch.nn.Module) -> list[list[Any]]:
    """The whole numbers that it was made with: `in_features`, `kernel_size`."""
    found: list[list[Any]] = []
    for name, value in attributes(module).items():
        if not name.startswith("_") and type(value) is int:
            found.append([name, [value]])
        elif not name.startswith("_") and type(value) is tuple and value and all(type(one) is int for one in value):
            found.append([name, list(value)])
    return found


# Which tensors the call was given.


def _arguments(frame: types.FrameType) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors among the arguments of a function of torch's."""
    code, variables = frame.f_code, locals_of(frame)
    n = code.co_argcount + code.co_kwonlyargcount
    n += bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)  # *args, **kwargs
    for name in code.co_varnames[:n]:
        yield from _tensors(name, variables.get(name))


def _given_to_module(call: types.FrameType, inner: list[types.FrameType]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors that a module was called with, by the names that its `forward` has for them."""
    variables = locals_of(call)
    forward = inner[0].f_code if inner and inner[0].f_code.co_name == "forward" else None
    names = () if forward is None else forward.co_varnames[1 : forward.co_argcount]
    for position, value in enumerate(listed(variables.get("args"))):
        yield from _tensors(names[position] if position < len(names) else f"argument {position + 1}", value)
    for name, value in copied(variables.get("kwargs")).items():
        yield from _tensors(name, value)


def _own_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The parameters of the module itself, none of its parts."""
    if len(list(modules(module))) == 1:
        yield from parameters(module)


def _tensors(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if is_tensor(value):
        yield name, value
        return
    for position, item in enumerate(listed(value)[:_MOST_ITEMS]):
        if is_tensor(item):
            yield f"{name}[{position}]", item


def _named_in_expression(frame: types.FrameType, offset: int) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors that the source names in the call which raised, by what the source calls them."""
    code = frame.f_code
    if offset < 0 or dis.opname[code.co_code[offset]] in _RAISES:
        return
    tree = _expression(code, offset)
    if tree is None:
        return
    variables = locals_of(frame)
    seen: set[int] = set()
    for text, value in _named(tree, {**frame.f_globals, **variables}):
        for name, tensor in _tensors(text, value):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor


def _expression(code: types.CodeType, offset: int) -> ast.AST | None:
    """The source of an instruction, as a tree."""
    line, column, end_line, end_column = positions(code, offset)
    if column < 0 or end_column < 0:
        return None
    lines = [
        text.encode("utf-8", "surrogatepass") for text in linecache.getlines(code.co_filename)[line - 1 : end_line]
    ]
    if len(lines) != end_line - line + 1:
        return None
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    text = b"".join(lines).decode("utf-8", "replace")
    for attempt in (f"({text})", text):
        try:
            tree = ast.parse(attempt)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return tree
    return None


def _named(tree: ast.AST, variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the source names, outermost first: a variable, an attribute, an element, as far as it is a tensor."""
    stack: list[ast.AST] = [tree]
    for _ in range(_MOST_NODES):
        if not stack:
            return
        node = stack.pop()
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            value = _value(node, variables)
            if is_tensor(value) or listed(value):
                yield plain_text(ast.unparse(node)), value
                continue
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _value(node: ast.AST, variables: dict[str, Any]) -> Any:
    """What a name stands for; no code of the program's is run to find it."""
    if isinstance(node, ast.Name):
        return variables.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, variables)
        if is_tensor(owner):
            return None
        found = attribute(owner, node.attr)
        if found is None and is_module(owner):
            kept = (attribute(owner, one) for one in ("_parameters", "_buffers", "_modules"))
            found = next((one[node.attr] for one in kept if type(one) is dict and node.attr in one), None)
        return found
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner, key = _value(node.value, variables), node.slice.value
        if type(owner) in (list, tuple) and type(key) is int and -len(owner) <= key < len(owner):
            return owner[key]
        if type(owner) is dict and type(key) in (str, int):
            return owner.get(key)
    return None


# What is said of each.


def _row(name: str, tensor: torch.Tensor, leaves: Leaves, scope: Scope) -> list[Any]:
    is_parameter = issubclass(type(tensor), torch.nn.Parameter)
    return [
        plain_text(name),
        list(map(int, torch_facts.shape(tensor))),
        torch_facts.short_dtype(tensor.dtype),
        str(tensor.device),
        leaves.get(tensor, scope).id if is_parameter else None,
        _made_by(tensor, leaves, scope),
        *_range(tensor),
    ]


def _range(tensor: torch.Tensor) -> tuple[int | None, int | None]:
    """The least and the greatest of whole numbers: they choose rows and classes, and may choose one too far."""
    if tensor.dtype not in _WHOLE or not is_readable(tensor) or not tensor.is_cpu or not has_memory(tensor):
        return None, None
    if not 0 < tensor.numel() <= _MOST_ELEMENTS:
        return None, None
    return int(tensor.min()), int(tensor.max())


def _made_by(tensor: torch.Tensor, leaves: Leaves, scope: Scope) -> int | None:
    """A parameter of the layer that made it, if only one can have: back along the graph while it does not fork."""
    node = tensor.grad_fn if type(tensor) in torch_facts.PLAIN_TYPES else None
    for _ in range(_MOST_STEPS):
        if node is None:
            return None
        below = [one for one, _ in node.next_functions if one is not None]
        parameter = next((found for one in below if (found := _parameter(one)) is not None), None)
        if parameter is not None:
            return leaves.get(parameter, scope).id
        node = below[0] if len(below) == 1 else None
    return None


def _parameter(node: Any) -> torch.Tensor | None:
    """The parameter that a node takes, as it is or through a transpose."""
    below = [one for one, _ in node.next_functions if one is not None]
    if len(below) == 1 and node.name() in ("TBackward0", "TransposeBackward0", "ToCopyBackward0"):
        node = below[0]
    variable = getattr(node, "variable", None)
    return variable if issubclass(type(variable), torch.nn.Parameter) else None
