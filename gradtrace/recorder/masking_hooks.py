"""Hooks of leaves that set rows of the gradient to zero, so that a step should leave these rows alone."""

from __future__ import annotations

import types
from typing import Any

import torch

from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import LeafState
from gradtrace.recorder.looking import copied
from gradtrace.recorder.readings import n_zero_rows
from gradtrace.recorder.sites import is_own


class MaskingHooks:
    """Counts rows before the hooks of a leaf and after them, until that decided something."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[int, int | None] = {}
        self._told: set[int] = set()

    def before(self, state: LeafState, gradient: torch.Tensor) -> None:
        """A gradient arrives at the first hook."""
        if state.id not in self._told:
            self._rows[state.id] = n_zero_rows(gradient)

    def after(self, state: LeafState, tensor: torch.Tensor, gradient: torch.Tensor) -> None:
        """It has passed the last one."""
        before = self._rows.pop(state.id, None) if self._rows else None
        now = None if before is None else n_zero_rows(gradient)
        if before is None or now is None or now <= before:
            return
        self._told.add(state.id)
        codes = [code for hook in copied(tensor._backward_hooks).values() if (code := _code(hook)) is not None]
        self._journal.write(
            {
                "t": "masking_hook",
                "leaf": state.id,
                "zeroed_rows": now - before,
                "pass_index": self._journal.last_pass_index,
                "location": self._journal.function(codes[-1]) if codes else None,
            }
        )

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._rows.clear()
        self._told.clear()


def _code(hook: Any) -> types.CodeType | None:
    """The code of a hook of the program's own."""
    if type(hook) is types.MethodType:
        hook = hook.__func__
    if type(hook) is not types.FunctionType or not is_own(hook.__code__):
        return None
    return hook.__code__
