"""Weights that the program sets to zero, as pruning does: whether they are zero when they are used.

Seen are writes to a whole parameter after which a part of it is zero: by a mask that multiplies, at any time; otherwise
only once its optimizer has stepped, for before that it is set up. When a pass begins, what was zero then is looked at
again. Rows or columns that are set to zero to begin anew are of no interest, nor a mask that its line has kept over a
pass before: the program has ended that.
"""

from __future__ import annotations

import weakref
from collections.abc import Container
from typing import Any

import torch

from gradtrace.recorder import looking, torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.copies import Copies
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.names import Names
from gradtrace.recorder.readings import may_read
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place, is_internal, user_place

_PRODUCTS = frozenset({"mul_", "__imul__", "multiply_"})
_SETTING = frozenset({"masked_fill_", "__setitem__", "copy_"})
_FEWEST = 2
"""So many passes have to use what has come back."""
_LEAST = 0.02
"""So much of a parameter has to be zero."""
_MOST_ELEMENTS = 1 << 26
_MOST = 1_000
_MATRIX = 2


class _Mask:
    """A parameter, what was zero in it, and the line that set it to zero.

    `has_held` says that a pass has used these zeros, `is_kept` that the line has set them again after that.
    """

    def __init__(self, parameter: torch.Tensor, place: Place | None, *, is_late: bool, is_kept: bool) -> None:
        self.reference = weakref.ref(parameter)
        self.zeros = parameter.detach() == 0
        self.place = place
        self.is_late = is_late
        self.n_used = 0
        self.is_kept = is_kept
        self.has_held = False


class WeightMasks:
    """Follows the zeros of parameters from the last write to the passes after it."""

    def __init__(self, journal: Journal, names: Names, leaves: Leaves, copies: Copies) -> None:
        self._journal = journal
        self._names = names
        self._leaves = leaves
        self._copies = copies
        self._known: dict[int, _Mask] = {}
        self._waiting: dict[int, tuple[Place | None, bool]] = {}
        """By address: a mask was multiplied into this memory, of a parameter that is not known yet; until a pass."""

    def saw(self, seen: TorchCall) -> None:
        """Look at a call: does it write zeros into a parameter?"""
        if seen.kind != CallKinds.IN_PLACE or is_internal(seen.frame.f_code):
            return
        name = seen.func.__name__
        is_product = name in _PRODUCTS and len(seen.args) > 1
        if not is_product and not (name in _SETTING and _is_of_all(seen.args)):
            return
        parameter = self._parameter_at(seen.args[0])
        is_late = parameter is not None and self._copies.has_trained(parameter)
        if not is_late and not (is_product and _is_mask(seen.args[0], seen.args[1])):
            return
        if parameter is not None:
            self._follow(parameter, user_place(seen.frame, name), is_late=is_late)
        elif (pointer := torch_facts.pointer(seen.args[0])) and torch_facts.shares_storage(seen.args[0]):
            self._waiting[pointer] = (user_place(seen.frame, name), False)

    def _parameter_at(self, tensor: Any) -> torch.Tensor | None:
        """The parameter, known as a leaf, whose memory this is, or whose part."""
        if not looking.is_any_of(tensor, *torch_facts.PLAIN_TYPES):
            return None
        state = self._leaves.whose_memory(tensor)
        leaf = None if state is None else state.reference()
        return leaf if type(leaf) is torch.nn.Parameter else None

    def _follow(self, parameter: torch.Tensor, place: Place | None, *, is_late: bool) -> None:
        old = self._known.pop(id(parameter), None)
        is_kept = old is not None and _is_same(old.place, place) and (old.is_kept or old.has_held)
        if not may_read(parameter) or not 0 < parameter.numel() <= _MOST_ELEMENTS or len(self._known) >= _MOST:
            return
        with torch.no_grad():
            mask = _Mask(parameter, place, is_late=is_late, is_kept=is_kept)
            share = mask.zeros.float().mean().item()
        if _LEAST <= share < 1 and not _is_of_rows(mask.zeros):
            self._known[id(parameter)] = mask

    def look(self, scope: Scope, used: Container[int]) -> None:
        """A pass begins: what was set to zero may have come back, in those that it uses, known by `id`."""
        if self._waiting:
            for model in self._names.models():
                for _, one in looking.parameters(model):
                    waiting = self._waiting.pop(torch_facts.pointer(one), None)
                    if waiting is not None:
                        self._follow(one, waiting[0], is_late=waiting[1])
            self._waiting.clear()
        for number, mask in list(self._known.items()):
            parameter = mask.reference()
            if parameter is None or parameter.shape != mask.zeros.shape or parameter.device != mask.zeros.device:
                del self._known[number]
                continue
            if number not in used:
                continue
            n_back = int((mask.zeros & (parameter.detach() != 0)).sum().item())
            mask.n_used = mask.n_used + 1 if n_back else 0
            mask.has_held = mask.has_held or not n_back
            if mask.n_used == _FEWEST:
                if not mask.is_kept:
                    self._write(parameter, mask, n_back, scope)
                del self._known[number]

    def _write(self, parameter: torch.Tensor, mask: _Mask, n_back: int, scope: Scope) -> None:
        self._journal.write(
            {
                "t": "lost_mask",
                "leaf": self._leaves.get(parameter, scope).id,
                "n_zeros": int(mask.zeros.sum().item()),
                "n_back": n_back,
                "is_late": mask.is_late,
                "pass_index": self._journal.last_pass_index,
                "location": self._journal.place(mask.place),
            }
        )

    def after_fork(self) -> None:
        """The stream is a new one."""
        self._known.clear()
        self._waiting.clear()


def _is_of_all(args: Any) -> bool:
    """Whether a write goes to a whole tensor: by a mask of its shape, or with the values of another."""
    shapes = [one.shape for one in args[:2] if looking.is_any_of(one, *torch_facts.PLAIN_TYPES)]
    return len(shapes) > 1 and shapes[0] == shapes[1]


def _is_mask(tensor: Any, other: Any) -> bool:
    """Whether zeros among the elements of the other take part of the tensor away."""
    if not may_read(other) or not looking.is_any_of(tensor, *torch_facts.PLAIN_TYPES) or other.numel() <= 1:
        return False
    return other.numel() <= _MOST_ELEMENTS and bool((other == 0).any().item())


def _is_same(one: Place | None, other: Place | None) -> bool:
    return one is not None and other is not None and one.key == other.key


def _is_of_rows(zeros: torch.Tensor) -> bool:
    """Whether all elements of a row are zero or none, for each row; or of a column."""
    if zeros.dim() < _MATRIX:
        return False
    for dim in range(_MATRIX):
        rows = zeros.transpose(0, dim).flatten(1)
        if rows.shape[1] > 1 and bool((rows.all(1) == rows.any(1)).all().item()):
            return True
    return False
