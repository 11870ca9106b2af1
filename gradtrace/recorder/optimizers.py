"""Optimizers: who they are, and which leaves they own."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import attribute, copied, is_tensor, listed, type_name
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place


def groups(optimizer: torch.optim.Optimizer) -> list[tuple[dict[str, Any], list[torch.Tensor]]]:
    """A copy of each param group, and its tensors; none where the groups are not an attribute but a property."""
    return [(copied(one), _tensors(one)) for one in _param_groups(optimizer)]


def owned(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """The tensors in its param groups."""
    return [tensor for one in _param_groups(optimizer) for tensor in _tensors(one)]


def _param_groups(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    return [one for one in listed(attribute(optimizer, "param_groups")) if issubclass(type(one), dict)]


def _tensors(group: dict[str, Any]) -> list[torch.Tensor]:
    return [tensor for tensor in listed(dict.get(group, "params")) if is_tensor(tensor)]


class _State:
    __slots__ = ("id", "name", "place", "record", "reference", "would_step")

    def __init__(self, number: int, optimizer: torch.optim.Optimizer, place: Place | None) -> None:
        self.id = number
        self.reference = weakref.ref(optimizer)
        self.place = place
        self.name: str | None = None
        self.would_step: Place | None = None
        self.record: dict[str, Any] | None = None


class Optimizers:
    """The registry of live optimizers."""

    def __init__(self, journal: Journal, leaves: Leaves) -> None:
        self._journal = journal
        self._leaves = leaves
        self._states: dict[int, _State] = {}
        self._next = 0

    def get(self, optimizer: torch.optim.Optimizer, place: Place | None = None) -> _State:
        """The optimizer's state, new when it was not known."""
        state = self._states.get(id(optimizer))
        if state is None or state.reference() is not optimizer:
            state = self._states[id(optimizer)] = _State(self._next, optimizer, place)
            self._next += 1
        return state

    def forget_lines(self) -> None:
        """Define everything anew: the stream is a new one."""
        for state in self._states.values():
            state.record = None

    def number(self, optimizer: torch.optim.Optimizer, scope: Scope | None = None) -> int:
        """The optimizer's id, written down before its first use and again when its name is found."""
        state = self.get(optimizer)
        if scope is None and state.record is not None:
            return state.id
        name = scope.optimizers.get(id(optimizer)) if scope is not None else None
        record = {
            "t": "optimizer",
            "id": state.id,
            "type": type_name(optimizer),
            "n_params": len(owned(optimizer)),
            "name": state.name or name,
            "location": self._journal.place(state.place),
        }
        if state.would_step is not None:
            record["would_step"] = self._journal.place(state.would_step)
        if record != state.record:
            state.name = state.name or name
            state.record = record
            self._journal.write(record)
        return state.id

    def name_of(self, number: int) -> str | None:
        """What the program calls the optimizer with this id."""
        return next((state.name for state in self._states.copy().values() if state.id == number), None)

    def would_step(self, number: int, place: Place | None) -> None:
        """The program's code calls its `step` there, and has not come to it yet."""
        for state in self._states.copy().values():
            optimizer = state.reference()
            if state.id == number and optimizer is not None and place is not None:
                state.would_step, state.record = place, None
                self.number(optimizer)

    def owners(self, scope: Scope | None) -> dict[int, list[int]]:
        """For each owned tensor, by id of the live object, the ids of its optimizers."""
        owners: dict[int, list[int]] = {}
        for state in self._states.copy().values():
            optimizer = state.reference()
            if optimizer is None:
                continue
            number = self.number(optimizer, scope)
            for tensor in owned(optimizer):
                owners.setdefault(id(tensor), []).append(number)
        return owners

    def leaves_of(self, optimizer: torch.optim.Optimizer, scope: Scope | None) -> list[int]:
        """Ids of the leaves in its param groups, which are now known to be its own."""
        leaves, number = self._leaves, self.number(optimizer, scope)
        states = [leaves.get(one, scope) for one in owned(optimizer) if one.requires_grad]
        for state in states:
            if number not in state.owners:
                leaves.own(state, [*state.owners, number])
        return [state.id for state in states]
