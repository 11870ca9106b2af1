"""Where leaves are made: at which line a tensor began to require grad.

Seen are calls that give back such a tensor (`torch.randn(..., requires_grad=True)`), those that switch it on
(`requires_grad_()`), what the modules of torch fill with their first values, and, with facts for a diagnosis, every
`nn.Parameter(...)`. Tensors are known by weak references.
"""

from __future__ import annotations

import types
import weakref
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.sites import Place, user_place

_MAX_KNOWN = 20_000
_MAX_DEPTH = 8
_plain_ids = frozenset(map(id, torch_facts.PLAIN_TYPES))
_INIT = torch_facts.NN_DIRECTORY + "init.py"


class Births:
    """The places of those leaves that were seen being made."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], Place | None]] = {}

    def saw(self, seen: TorchCall) -> None:
        """Look at a call that made no node."""
        if seen.before != seen.after:
            return
        is_switch = seen.kind == CallKinds.SWITCH
        if seen.kind == CallKinds.IN_PLACE and seen.frame.f_code.co_filename != _INIT and _is_first(seen):
            return  # an optimizer writes so to thousands
        tensor: Any = seen.args[0] if is_switch else seen.result
        if id(type(tensor)) not in _plain_ids or not tensor.requires_grad:
            return
        if not torch_facts.is_leaf(tensor):
            return
        if is_switch or not _is_among(tensor, seen.args) or _fills(seen.frame):
            self.made(tensor, seen.frame)

    def made(self, tensor: Any, frame: types.FrameType) -> None:
        """A leaf has been made, or made one, at the place from which this frame was reached; the first time counts."""
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return
        if len(self._known) >= _MAX_KNOWN:
            self._known = {number: one for number, one in self._known.copy().items() if one[0]() is not None}
        if len(self._known) < _MAX_KNOWN:
            self._known[id(tensor)] = (weakref.ref(tensor), user_place(frame, ""))

    def place(self, tensor: torch.Tensor) -> Place | None:
        """Where the leaf was made, if that was seen."""
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None


def _is_first(seen: TorchCall) -> bool:
    return bool(seen.args) and seen.result is seen.args[0]


def _is_among(tensor: Any, args: Any) -> bool:
    return any(one is tensor for one in args)


def _fills(frame: types.FrameType) -> bool:
    """Whether a function of `nn.init` runs for the constructor of a module of torch's."""
    if frame.f_code.co_filename != _INIT:
        return False
    outer: types.FrameType | None = frame
    for _ in range(_MAX_DEPTH):
        if outer is None or not outer.f_code.co_filename.startswith(torch_facts.NN_DIRECTORY):
            return False
        if outer.f_code.co_name == "__init__":
            return True
        outer = outer.f_back
    return False
