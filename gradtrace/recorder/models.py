"""What is known of the models besides the graph: all their parameters, and what they hold without registering it."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from gradtrace.model.kinds import ModuleFactKind
from gradtrace.recorder import looking, torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.names import Names
from gradtrace.recorder.scope import Scope


class ModelWatch:
    """Looks at each model once, and again when it has other parameters."""

    def __init__(self, journal: Journal, names: Names, leaves: Leaves) -> None:
        self._journal = journal
        self._names = names
        self._leaves = leaves
        self._seen: dict[int, tuple[weakref.ref[torch.nn.Module], int]] = {}

    def after_fork(self) -> None:
        """The stream is a new one, and no model is described in it."""
        self._seen.clear()

    def learn(self, scope: Scope) -> None:
        """Know every parameter of every model, whether it takes part in a graph or not."""
        for model in self._names.models():
            parameters = _made(model)
            known = self._seen.get(id(model))
            if known is not None and known[0]() is model and known[1] == len(parameters):
                continue
            self._seen[id(model)] = (weakref.ref(model), len(parameters))
            for parameter in parameters:
                self._leaves.get(parameter, scope)
            for _, part in looking.modules(model):
                self._look_into(part, scope)

    def _look_into(self, module: torch.nn.Module, scope: Scope) -> None:
        registered = {id(one) for _, one in looking.modules(module)}
        for attribute, value in looking.attributes(module).items():
            if attribute.startswith("_"):
                continue
            if looking.is_any_of(value, list, tuple, dict):
                parts = [
                    one
                    for one in tuple(value.values() if type(value) is dict else value)
                    if looking.is_module(one) and id(one) not in registered
                ]
                tensors = [parameter for part in parts for parameter in _made(part)]
                if tensors:
                    self._write(ModuleFactKind.UNREGISTERED_MODULES, module, attribute, len(parts), tensors, scope)
            elif looking.is_tensor(value) and value.requires_grad and torch_facts.is_leaf(value):
                self._write(ModuleFactKind.PLAIN_TENSOR, module, attribute, 1, [value], scope)

    def _write(
        self,
        kind: ModuleFactKind,
        module: torch.nn.Module,
        attribute: str,
        count: int,
        tensors: list[Any],
        scope: Scope,
    ) -> None:
        self._journal.write(
            {
                "t": "module_fact",
                "kind": kind,
                "module": self._names.module_path(module),
                "module_type": looking.type_name(module),
                "attribute": attribute,
                "count": count,
                "leaves": [self._leaves.get(one, scope).id for one in tensors],
            }
        )


def _made(model: torch.nn.Module) -> list[torch.Tensor]:
    """Its parameters, but for those of lazy modules that have no shape yet."""
    return [one for _, one in looking.parameters(model) if not torch_facts.is_uninitialized(one)]
