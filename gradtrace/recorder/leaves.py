"""The leaves of the program: identity over passes, names, owners, and where their `.grad` lies."""

from __future__ import annotations

import json
import weakref
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.measure import is_readable, values
from gradtrace.recorder.names import Names, Scope


class LeafState:
    """What is known of one leaf between passes; the tensor itself is not kept alive."""

    __slots__ = (
        "dtype",
        "grad_pointer",
        "has_grad",
        "id",
        "is_named",
        "name",
        "owners",
        "record",
        "reference",
        "version",
    )

    def __init__(self, number: int, reference: weakref.ref[torch.Tensor]) -> None:
        self.id = number
        self.reference = reference
        self.name = ""
        self.is_named = False
        self.owners: list[int] = []
        self.record: dict[str, Any] = {}
        self.grad_pointer = 0
        self.version = -1
        self.has_grad = False


class Leaves:
    """The registry."""

    def __init__(self, journal: Journal, names: Names, value_limit: int) -> None:
        self._journal = journal
        self._names = names
        self._value_limit = value_limit
        self._given: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
        self.states: dict[int, LeafState] = {}
        """By id of the live tensor, in order of discovery."""
        self._next = 0
        self.by_grad: dict[int, LeafState] = {}
        """By address of the data of `.grad`, as it was after the last pass or event."""

    def name(self, tensor: torch.Tensor, name: str) -> None:
        """Say what a leaf is called."""
        self._given[id(tensor)] = (weakref.ref(tensor), name)

    def find(self, tensor: torch.Tensor) -> LeafState | None:
        """The leaf's state, if it is known."""
        state = self.states.get(id(tensor))
        return state if state is not None and state.reference() is tensor else None

    def get(self, tensor: torch.Tensor, scope: Scope | None) -> LeafState:
        """The leaf's state; a new leaf is named and written down."""
        state = self.find(tensor)
        if state is None:
            key = id(tensor)
            table = self.states
            number = self._next
            self._next += 1

            def forget(_: object, key: int = key, number: int = number) -> None:
                held = table.get(key)
                if held is not None and held.id == number:
                    del table[key]

            state = LeafState(number, weakref.ref(tensor, forget))
            table[key] = state
            self._define(state, tensor, scope)
        elif not state.is_named and scope is not None:
            self._define(state, tensor, scope)
        return state

    def _define(self, state: LeafState, tensor: torch.Tensor, scope: Scope | None) -> None:
        name, kind, state.is_named = self._name_of(tensor, scope, state.id)
        value = None
        if tensor.numel() <= self._value_limit and is_readable(tensor) and tensor.device.type == "cpu":
            with torch_facts.DisableTorchFunction():  # the program never asked for this detach
                value = json.loads(values(tensor.detach()))
        state.name = name
        state.record = {
            "t": "leaf",
            "id": state.id,
            "name": name,
            "kind": kind,
            "shape": list(map(int, tensor.shape)),
            "dtype": torch_facts.short_dtype(tensor.dtype),
            "device": str(tensor.device),
            "requires_grad": tensor.requires_grad,
            "optimizers": state.owners,
            "value": value,
        }
        self._journal.write(state.record)

    def _name_of(self, tensor: torch.Tensor, scope: Scope | None, number: int) -> tuple[str, str, bool]:
        given = self._given.get(id(tensor))
        if given is not None and given[0]() is tensor:
            return given[1], "tensor", True
        found = self._names.tensor(tensor)
        if found is not None:
            return *found, True
        kind = "parameter" if isinstance(tensor, torch.nn.Parameter) else "tensor"
        variable = scope.tensors.get(id(tensor)) if scope is not None else None
        if variable is not None:
            return variable, kind, True
        return f"leaf {number}", kind, False

    def name_unnamed(self, scope: Scope) -> None:
        """Look once more for what leaves without a name are called."""
        for state in list(self.states.values()):
            if not state.is_named:
                tensor = state.reference()
                if tensor is not None and (id(tensor) in scope.tensors or self._names.tensor(tensor) is not None):
                    self._define(state, tensor, scope)

    def own(self, state: LeafState, owners: list[int]) -> None:
        """Write down which optimizers hold the leaf, when that changed."""
        if owners != state.owners:
            state.owners = owners
            state.record["optimizers"] = owners
            self._journal.write(state.record)

    def remember_grads(self) -> None:
        """Note where every `.grad` lies now, to recognize it when it is written to."""
        self.by_grad.clear()
        with torch_facts.DisableTorchFunction():
            for state in list(self.states.values()):
                tensor = state.reference()
                if tensor is not None:
                    self.remember(state, tensor.grad)

    def remember(self, state: LeafState, grad: torch.Tensor | None) -> None:
        """Note one leaf's `.grad`."""
        if grad is None:
            state.has_grad, state.version, state.grad_pointer = False, -1, 0
            return
        state.has_grad, state.version = True, grad._version
        state.grad_pointer = torch_facts.pointer(grad)
        if state.grad_pointer:
            self.by_grad[state.grad_pointer] = state
