"""Attributes that say whether to train something, and that torch does not know: `p.require_grad = False`.

A parameter and a module take any attribute. Which of the names are misspellings is for the reader to tell; here those
are noted that could be, on parameters for which torch does the opposite of what they say. The right name on a tensor
that only shares the memory of a parameter (`p.data.requires_grad = False`, a tensor of `state_dict()`) is as vain.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from gradtrace.recorder import looking, torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.names import Names
from gradtrace.recorder.optimizers import owned
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place, user_place
from gradtrace.recorder.stores import assigned_attribute, is_result_dropped
from gradtrace.recorder.stream import plain_text

_LONGEST = 30
_RIGHT = "requires_grad"
_MOST = 200
"""So many lines are written."""
_MOST_BESIDE = 20_000


class Lookalikes:
    """Looks at models when passes begin, and at what an optimizer holds when it steps for the first time."""

    def __init__(self, journal: Journal, names: Names, leaves: Leaves) -> None:
        self._journal = journal
        self._names = names
        self._leaves = leaves
        self._told: set[tuple[int, str, bool]] = set()
        self._stepped: dict[int, weakref.ref[torch.optim.Optimizer]] = {}
        self._n_written = 0
        self._beside: dict[int, Place | None] = {}
        """By address: where a tensor that is no parameter was frozen."""

    def saw(self, seen: TorchCall) -> None:
        """Look at a call: does it freeze a tensor that never required grad?"""
        if seen.kind != CallKinds.SWITCH or len(self._beside) >= _MOST_BESIDE:
            return
        tensor = seen.args[0]
        pointer = torch_facts.pointer(tensor) if type(tensor) is torch.Tensor and not tensor.requires_grad else 0
        is_of_another = pointer != 0 and torch_facts.shares_storage(tensor)
        place = user_place(seen.frame, "requires_grad") if is_of_another else None
        if place is not None and (seen.func.__name__ == "__set__" or is_result_dropped(place)):
            self._beside[pointer] = place

    def learn(self, scope: Scope) -> None:
        """Look at all models that are known."""
        for model in self._names.models():
            self._look(model, scope, is_stepped=False)

    def stepped(self, optimizer: torch.optim.Optimizer, frame: types.FrameType) -> None:
        """An optimizer has stepped: the first time what it trained is looked at."""
        known = self._stepped.get(id(optimizer))
        if known is not None and known() is optimizer:
            return
        self._stepped[id(optimizer)] = weakref.ref(optimizer)
        trained = [one for one in owned(optimizer) if one.grad is not None]
        scope: Scope | None = None
        if any(_of_parameter(one) for one in trained):
            scope = Scope(frame)
            self._write_parameters(trained, scope, is_stepped=True)
        numbers = {id(one) for one in trained}
        for _, model in (scope or Scope(frame)).modules:
            self._look(model, scope or Scope(frame), is_stepped=True, only=numbers)

    def _look(self, model: torch.nn.Module, scope: Scope, *, is_stepped: bool, only: set[int] | None = None) -> None:
        if only is None:
            parameters = [one for _, one in looking.parameters(model)]
            self._write_parameters(parameters, scope, is_stepped=is_stepped)
            if self._beside:
                self._write_beside(parameters, scope)
        for _, part in looking.modules(model):
            for attribute, value in _lookalikes(looking.attributes(part)):
                inside = [one for _, one in looking.parameters(part)]
                if not inside or any(one.requires_grad is value for one in inside):
                    continue
                if only is None or any(id(one) in only for one in inside):
                    self._write(attribute, value, inside, scope, part, is_stepped=is_stepped)

    def _write_parameters(self, parameters: Iterable[torch.Tensor], scope: Scope, *, is_stepped: bool) -> None:
        groups: dict[tuple[str, bool], list[torch.Tensor]] = {}
        for one in parameters:
            for attribute, value in _of_parameter(one):
                if one.requires_grad is not value and (id(one), attribute, is_stepped) not in self._told:
                    self._told.add((id(one), attribute, is_stepped))
                    groups.setdefault((attribute, value), []).append(one)
        for (attribute, value), found in groups.items():
            self._write(attribute, value, found, scope, None, is_stepped=is_stepped)

    def _write_beside(self, parameters: list[torch.Tensor], scope: Scope) -> None:
        """Parameters whose memory was frozen, and not they."""
        groups: dict[Any, tuple[Place | None, list[torch.Tensor]]] = {}
        for one in parameters:
            pointer = torch_facts.pointer(one) if one.requires_grad else 0
            if pointer in self._beside:
                place = self._beside.pop(pointer)
                groups.setdefault(None if place is None else place.key, (place, []))[1].append(one)
        for place, found in groups.values():
            self._write_line(_RIGHT, False, found, scope, None, place, is_stepped=False)

    def _write(
        self,
        attribute: str,
        value: bool,
        parameters: list[torch.Tensor],
        scope: Scope,
        module: torch.nn.Module | None,
        *,
        is_stepped: bool,
    ) -> None:
        key = (id(module), attribute, is_stepped)
        if self._n_written >= _MOST or (module is not None and key in self._told):
            return
        if module is not None:
            self._told.add(key)
        place = assigned_attribute(scope.codes(), attribute)
        self._write_line(attribute, value, parameters, scope, module, place, is_stepped=is_stepped)

    def _write_line(
        self,
        attribute: str,
        value: bool,
        parameters: list[torch.Tensor],
        scope: Scope,
        module: torch.nn.Module | None,
        place: Place | None,
        *,
        is_stepped: bool,
    ) -> None:
        self._n_written += 1
        self._journal.write(
            {
                "t": "lookalike",
                "attribute": plain_text(attribute),
                "value": value,
                "module": None if module is None else self._names.module_path(module),
                "module_type": None if module is None else looking.type_name(module),
                "leaves": [self._leaves.get(one, scope).id for one in parameters],
                "is_stepped": is_stepped,
                "location": self._journal.place(place),
            }
        )

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._told.clear()
        self._stepped.clear()
        self._beside.clear()


def _of_parameter(tensor: torch.Tensor) -> list[tuple[str, bool]]:
    return list(_lookalikes(looking.attributes(tensor)))


def _lookalikes(attributes: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Those that may be meant for `requires_grad`; keys of a dictionary of ours are plain strings."""
    for name, value in attributes.items():
        if type(value) is bool and type(name) is str and len(name) <= _LONGEST and _may_mean(name.lower()):
            yield name, value


def _may_mean(name: str) -> bool:
    if "freq" in name:  # an embedding of torch scales its gradient by frequency
        return False
    is_of_gradients = "g" in name and ("q" in name or ("need" in name and "grad" in name))
    return name == "trainable" or (is_of_gradients and not name.startswith("_"))
