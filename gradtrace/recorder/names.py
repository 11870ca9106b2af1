"""What a person would call a tensor.

In order of preference: the path of a parameter in its model, the variable that holds the tensor now, in the frames
from the call of `backward()` outwards (also one level into lists, dictionaries and `self`), and the name to which the
source line assigns the result.
"""

from __future__ import annotations

import re
import types
import weakref
from typing import Any

import torch

from gradtrace.model.kinds import LeafKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.looking import (
    attributes,
    buffers,
    copied,
    is_any_of,
    is_module,
    is_optimizer,
    is_tensor,
    modules,
    parameters,
)
from gradtrace.recorder.sites import is_internal, locals_of

_MAX_ITEMS = 500
_CO_NEWLOCALS = 0x2
_WRAPPERS = {"DistributedDataParallel": "module.", "DataParallel": "module.", "OptimizedModule": "_orig_mod."}
_TARGET = re.compile(r"(?:^|;)\s*([^\W\d][\w.]*(?:\[[^\]=]*\])?(?:\s*,\s*[^\W\d][\w.]*)*)\s*(?::[^=;]*)?=\s*\(*$")
_AUGMENTED = re.compile(r"\s*([^\W\d][\w.]*)\s*(?:[-+*/@%&|^]|//|\*\*|<<|>>)=")
_REST = re.compile(r"\s*\)*\s*(?:$|[;#])")


def assigned_names(location: dict[str, Any]) -> tuple[str, ...]:
    """The names to which the source assigns exactly the value of this span: `("loss",)`, `("out", "h")`, or none."""
    lines = location["text"].split("\n")
    start, end = location["column"] - 1, location["end_column"] - 1
    if len(lines) != location["end_line"] - location["line"] + 1:
        return ()
    if not _REST.match(lines[-1][end:]):
        return ()
    augmented = _AUGMENTED.match(lines[0][start:])
    if augmented:
        return (augmented[1],)
    target = _TARGET.search(lines[0][:start])
    if not target:
        return ()
    return tuple(name.strip() for name in target[1].split(","))


class _Root:
    """A model: names of its parts, looked up once and again when something is missing."""

    def __init__(self, module: torch.nn.Module, name: str | None) -> None:
        self.reference = weakref.ref(module)
        self.name = name
        self.modules: dict[int, str] = {}
        self.tensors: dict[int, tuple[str, LeafKind]] = {}
        self.n_parameters = 0
        self.refresh()

    def refresh(self) -> None:
        module = self.reference()
        if module is None:
            return
        strip = _WRAPPERS.get(type(module).__name__, "")
        self.modules = {id(part): path.removeprefix(strip).rstrip(".") for path, part in modules(module)}
        self.tensors = {id(one): (path.removeprefix(strip), LeafKind.BUFFER) for path, one in buffers(module)}
        named = {id(one): (path.removeprefix(strip), LeafKind.PARAMETER) for path, one in parameters(module)}
        self.tensors.update(named)
        self.n_parameters = len(named)


class Names:
    """The models of the program, and names within them."""

    def __init__(self) -> None:
        self._roots: dict[int, _Root] = {}

    def learn(self, scope: Scope, called: list[torch.nn.Module]) -> None:
        """Take in the modules that variables hold and those that were called."""
        named = {id(module): name for name, module in reversed(scope.modules)}
        candidates = [module for _, module in scope.modules] + called
        for module in candidates:
            known = self._roots.get(id(module))
            if known is not None and known.reference() is module:
                known.name = known.name or named.get(id(module))
                continue
            if any(id(module) in root.modules and root.reference() is not None for root in self._roots.values()):
                continue
            root = _Root(module, named.get(id(module)))
            for number in [number for number, other in self._roots.items() if number in root.modules]:
                del self._roots[number]
            self._roots[id(module)] = root
        for number in [number for number, root in self._roots.items() if root.reference() is None]:
            del self._roots[number]

    @property
    def _is_ambiguous(self) -> bool:
        return sum(1 for root in self._roots.values() if root.n_parameters) > 1

    def module_path(self, module: torch.nn.Module) -> str | None:
        """`encoder.layers.3`, behind the model's name when there are several; None for the only model itself."""
        for attempt in range(2):
            for root in self._roots.values():
                path = root.modules.get(id(module))
                if path is not None and root.reference() is not None:
                    return self._qualified(root, path) or None
            if attempt == 0:
                for root in self._roots.values():
                    root.refresh()
        return None

    def tensor(self, tensor: torch.Tensor) -> tuple[str, LeafKind] | None:
        """Name and kind (parameter or buffer) of a model's tensor."""
        for attempt in range(2):
            for root in self._roots.values():
                found = root.tensors.get(id(tensor))
                if found is not None and root.reference() is not None:
                    return self._qualified(root, found[0]), found[1]
            if attempt == 0 and issubclass(type(tensor), torch.nn.Parameter):
                for root in self._roots.values():
                    root.refresh()
            else:
                break
        return None

    def models(self) -> list[torch.nn.Module]:
        """The models that are alive."""
        return [module for root in self._roots.values() if (module := root.reference()) is not None]

    def _qualified(self, root: _Root, path: str) -> str:
        if not (self._is_ambiguous and root.n_parameters and root.name):
            return path
        return f"{root.name}.{path}" if path else root.name


class Scope:
    """The variables that can be seen from a call outwards, for the moment; it holds references and must not be kept."""

    def __init__(self, frame: types.FrameType | None) -> None:
        self.tensors: dict[int, str] = {}
        self.results: dict[Any, dict[int, str]] = {}
        """By node: output number to name."""
        self.optimizers: dict[int, str] = {}
        self.modules: list[tuple[str, torch.nn.Module]] = []
        self._alive: list[torch.Tensor] = []
        seen: set[int] = set()
        while frame is not None:
            if not is_internal(frame.f_code):
                if frame.f_code.co_flags & _CO_NEWLOCALS:
                    self._take(locals_of(frame))
                if id(frame.f_globals) not in seen:
                    seen.add(id(frame.f_globals))
                    self._take(frame.f_globals)
            frame = frame.f_back

    def _take(self, variables: dict[str, Any]) -> None:
        for name, value in copied(variables).items():
            if type(name) is not str or name.startswith("__") or name == "_":
                continue
            self._take_item(name, value)
            for step, item in _items(value):
                self._take_item(name + step, item)
        own = dict.get(variables, "self")
        if own is None:
            return
        for key, item in attributes(own).items():
            if is_tensor(item) or not is_module(own):
                self._take_item(f"self.{key}", item)

    def _take_item(self, name: str, value: Any) -> None:
        if is_tensor(value):
            self._take_tensor(name, value)
        elif is_module(value):
            self.modules.append((name, value))
        elif is_optimizer(value):
            self.optimizers.setdefault(id(value), name)

    def _take_tensor(self, name: str, tensor: torch.Tensor) -> None:
        self.tensors.setdefault(id(tensor), name)
        if type(tensor) in torch_facts.PLAIN_TYPES and tensor.requires_grad:
            if tensor._is_view() and tensor._version:  # its grad_fn may be stale, and asking would make a new one
                return
            node = tensor.grad_fn
            if node is not None:
                self.results.setdefault(node, {}).setdefault(tensor.output_nr, name)


def _items(value: Any) -> list[tuple[str, Any]]:
    """What a list, tuple or dictionary holds, each with how it is reached."""
    if is_any_of(value, list, tuple) and len(value) <= _MAX_ITEMS:
        return [(f"[{position}]", item) for position, item in enumerate(tuple(value))]
    if type(value) is dict and len(value) <= _MAX_ITEMS:
        return [(f"[{key!r}]", item) for key, item in value.copy().items() if is_any_of(key, str, int)]
    return []
