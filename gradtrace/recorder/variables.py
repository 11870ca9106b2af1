"""Names of the program that stand for no tensor of a graph: numbers, arrays, models, other names of leaves.

Whoever asks about such a name gets an answer, too. What a variable holds is looked at when a pass is recorded in full,
and once more when the program has ended; of each name the first that was seen is recorded.
"""

from __future__ import annotations

import types
from typing import Any

import torch

from gradtrace.model.kinds import VariableKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import is_any_of, is_module, is_optimizer, is_tensor, module_of, parameters, type_name
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.stores import stored_by
from gradtrace.recorder.stream import plain_text

_MAX_NAMES = 2_000
_MAX_LEAVES = 20_000
_MAX_BITS = 128
_MAX_ITEMS = 500
_NOT_TOLD = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.CodeType)


class Variables:
    """Writes a line for each name, once."""

    def __init__(self, journal: Journal, leaves: Leaves) -> None:
        self._journal = journal
        self._leaves = leaves
        self._told: set[str] = set()

    def look(self, scope: Scope, *, is_end: bool = False) -> None:
        """Tell what can be seen now; results with a graph only when the program has ended."""
        for name, value, code in scope.variables():
            if len(self._told) >= _MAX_NAMES:
                return
            if name in self._told or issubclass(type(value), _NOT_TOLD):
                continue
            found = self._of_tensor(name, value, is_end=is_end) if is_tensor(value) else self._of_object(value)
            if found is None:
                continue
            self._told.add(name)
            place = None if code is None else stored_by([code], name)
            self._journal.write(
                {
                    "t": "variable",
                    "name": plain_text(name),
                    "type": plain_text(type_name(value)),
                    "location": self._journal.place(place),
                    **found,
                }
            )

    def _of_tensor(self, name: str, tensor: torch.Tensor, *, is_end: bool) -> dict[str, Any] | None:
        state = self._leaves.find(tensor)
        if state is not None:
            return None if state.name == name else {"kind": VariableKind.LEAF, "leaves": [state.id]}
        if not is_end or not torch_facts.requires_grad(tensor) or torch_facts.is_written_view(tensor):
            return None
        return None if torch_facts.is_leaf(tensor) else {"kind": VariableKind.RESULT}

    def _of_object(self, value: Any) -> dict[str, Any] | None:
        if is_any_of(value, int, float, bool, complex):
            is_short = type(value) is not int or value.bit_length() <= _MAX_BITS
            return {"kind": VariableKind.NUMBER, "text": repr(value) if is_short else ""}
        if is_module(value):
            known = [state.id for _, one in parameters(value) if (state := self._leaves.find(one)) is not None]
            return {"kind": VariableKind.MODULE, "leaves": known[:_MAX_LEAVES]}
        if is_optimizer(value):
            return {"kind": VariableKind.OPTIMIZER}
        if module_of(type(value)).partition(".")[0] == "numpy":
            is_array = type_name(value) == "ndarray"
            return {"kind": VariableKind.ARRAY if is_array else VariableKind.NUMBER}
        return {"kind": VariableKind.OTHER, "leaves": self._held(value)}

    def _held(self, value: Any) -> list[int]:
        """The leaves that a list or a tuple is made of, in its order; empty where it holds anything else."""
        if not is_any_of(value, list, tuple) or len(value) > _MAX_ITEMS:
            return []
        items = tuple(value)
        states = [self._leaves.find(one) if is_tensor(one) else None for one in items]
        return [state.id for state in states if state is not None] if None not in states else []

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._told.clear()
