"""What a person would call a tensor.

In order of preference: the path of a parameter in its model, the variable that holds the tensor now, in the frames
from the call of `backward()` outwards, what leads to it from such a variable through lists, dictionaries and
attributes, and the name to which the source line assigns the result.
"""

from __future__ import annotations

import re
import weakref
from typing import Any

import torch

from gradtrace.model.kinds import LeafKind
from gradtrace.recorder.looking import buffers, module_of, modules, parameters, type_name
from gradtrace.recorder.scope import TRANSPARENT, Scope
from gradtrace.recorder.torch_facts import flat_parameter

_WRAPPERS = frozenset({"DistributedDataParallel", "DataParallel", "FullyShardedDataParallel", "AveragedModel"})
_WRAPPING_PACKAGES = ("torch.nn.parallel.", "torch.distributed.", "torch.optim.", "deepspeed.", "accelerate.")
"""Of these a child `module` is what they wrap; a module of the program's may have a part of this name."""
_KERAS = re.compile(r"^(?:.*\.)?_?torch_params\.(?=.*/)")
"""Keras registers all variables of a layer once more, each with the path that it has for Keras."""
_TARGET = re.compile(r"(?:^|;)\s*([^\W\d][\w.]*(?:\[[^\]=]*\])?(?:\s*,\s*[^\W\d][\w.]*)*)\s*(?::[^=;]*)?=\s*\(*$")
_AUGMENTED = re.compile(r"\s*([^\W\d][\w.]*)\s*(?:[-+*/@%&|^]|//|\*\*|<<|>>)=")
_FOLDS = re.compile(r"(?:sum|(?:functools\.)?reduce)\s*\(")
"""Calls of Python's that apply an operator again and again: each has a result, and only the last is assigned."""
_REST = re.compile(r"\s*\)*\s*(?:$|[;#])")


def assigned_names(location: dict[str, Any]) -> tuple[str, ...]:
    """The names to which the source assigns exactly the value of this span: `("loss",)`, `("out", "h")`, or none."""
    if _FOLDS.match(location["text"], location["column"] - 1):
        return ()
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
        parts = list(modules(module))
        wrapping = {path for path, part in parts if _wraps(part)}
        self.modules = {id(part): _said(path, wrapping) for path, part in parts}
        self.tensors = {id(one): (_said(path, wrapping), LeafKind.BUFFER) for path, one in buffers(module)}
        named = {id(one): (_said(path, wrapping), LeafKind.PARAMETER) for path, one in parameters(module)}
        self.tensors.update(named)
        self.n_parameters = len(named)
        for path, part in parts:
            flat = flat_parameter(part)
            if flat is not None:
                name = f"{_said(path, wrapping)}._flat_param".lstrip(".")
                self.tensors.setdefault(id(flat[0]), (name, LeafKind.PARAMETER))


def _wraps(module: torch.nn.Module) -> bool:
    """Whether its part `module` is what a person would call the module itself."""
    return type_name(module) in _WRAPPERS or module_of(type(module)).startswith(_WRAPPING_PACKAGES)


def _said(path: str, wrapping: set[str]) -> str:
    """A path without the steps that only lead through wrappers: `fc.weight` for `module._orig_mod.fc.weight`."""
    if not wrapping and not any(step in path for step in (*TRANSPARENT, "torch_params")):
        return path
    steps, kept = path.split("."), []
    for position, step in enumerate(steps):
        is_wrapped = step == "module" and ".".join(steps[:position]) in wrapping
        if step not in TRANSPARENT and not is_wrapped:
            kept.append(step)
    said = ".".join(kept)
    of_keras = _KERAS.match(said)
    if of_keras is None:
        return said
    layers = said[of_keras.end() :].split("/")
    return ".".join(layers[1:] if len(layers) > 2 else layers)  # noqa: PLR2004 - the first is the model


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
            root = _Root(module, named.get(id(module)) or scope.path(module))
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
