"""What is known of the models besides the graph: all their parameters, and what they hold without registering it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from gradtrace.recorder.names import Scope
    from gradtrace.recorder.session import Recorder


class ModelWatch:
    """Looks at each model once, and again when it has other parameters."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._seen: dict[int, tuple[weakref.ref[torch.nn.Module], int]] = {}

    def learn(self, scope: Scope) -> None:
        """Know every parameter of every model, whether it takes part in a graph or not."""
        for model in self._recorder.names.models():
            n_parts = sum(1 for _ in model.parameters())
            known = self._seen.get(id(model))
            if known is not None and known[0]() is model and known[1] == n_parts:
                continue
            self._seen[id(model)] = (weakref.ref(model), n_parts)
            for parameter in model.parameters():
                self._recorder.leaves.get(parameter, scope)
            for part in model.modules():
                self._look_into(part, scope)

    def _look_into(self, module: torch.nn.Module, scope: Scope) -> None:
        registered = {id(one) for one in module.modules()}
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("_"):
                continue
            if isinstance(value, list | tuple | dict):
                parts = [
                    one
                    for one in (value.values() if isinstance(value, dict) else value)
                    if isinstance(one, torch.nn.Module) and id(one) not in registered
                ]
                tensors = [parameter for part in parts for parameter in part.parameters()]
                if tensors:
                    self._write("unregistered_modules", module, attribute, len(parts), tensors, scope)
            elif isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf:
                self._write("plain_tensor", module, attribute, 1, [value], scope)

    def _write(
        self,
        kind: str,
        module: torch.nn.Module,
        attribute: str,
        count: int,
        tensors: list[Any],
        scope: Scope,
    ) -> None:
        self._recorder.journal.write(
            {
                "t": "module_fact",
                "kind": kind,
                "module": self._recorder.names.module_path(module),
                "module_type": type(module).__name__,
                "attribute": attribute,
                "count": count,
                "leaves": [self._recorder.leaves.get(one, scope).id for one in tensors],
            }
        )
