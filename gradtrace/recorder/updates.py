"""What the program does with gradients by itself: where it reads `.grad`, and which leaves it moves.

Leaves that an optimizer steps are left to `step_watch`. Of the others a copy is kept from one pass recorded in full to
the next, as far as a fixed amount of memory goes, and compared.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterable

import torch

from gradtrace.recorder.code_sites import assigned_in_vain, called_by, loops_over
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import LeafState
from gradtrace.recorder.looking import is_any_of
from gradtrace.recorder.optimizers import Optimizers
from gradtrace.recorder.readings import Reading, Readings, may_read
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place, locals_of, user_place
from gradtrace.recorder.stream import plain_text

_COPIED = 64 << 20
"""Bytes of leaves that are kept."""
_MOST_LEAVES = 2_000
_MOST_LINES = 10_000
_ENOUGH_PASSES = 3
"""After so many passes without a step it is asked where the program would step."""
_ITERATORS = (types.GeneratorType, zip, map, filter, enumerate, itertools.chain)
_CLIPPERS = frozenset({"_get_total_norm", "get_total_norm"})
"""Functions of torch that make a zero, as the norm of nothing."""


class _Use:
    __slots__ = ("again", "in_vain", "iterator", "leaves", "pass_index", "place")

    def __init__(
        self,
        pass_index: int,
        place: Place | None,
        iterator: str | None,
        again: Place | None,
        in_vain: str | None,
    ) -> None:
        self.pass_index = pass_index
        self.place = place
        self.iterator = iterator
        self.again = again
        self.in_vain = in_vain
        self.leaves: dict[int, None] = {}


class Updates:
    """Follows what the program does to leaves without an optimizer."""

    def __init__(self, journal: Journal, optimizers: Optimizers) -> None:
        self._journal = journal
        self._optimizers = optimizers
        self._uses: dict[tuple[int, int], _Use] = {}
        self._copies: dict[int, tuple[LeafState, torch.Tensor]] = {}
        self._n_bytes = 0
        self._stepping: set[int] = set()
        self._n_lines = 0
        self._n_passes: dict[int, int] = {}

    def stepped(self, optimizer: int) -> None:
        """An optimizer has stepped: its parameters are its own."""
        if optimizer not in self._stepping:
            self._stepping.add(optimizer)
            for number in [number for number, (state, _) in self._copies.items() if optimizer in state.owners]:
                self._drop(number)

    # What reads gradients.

    def read(self, state: LeafState, frame: types.FrameType) -> None:
        """The program's own frame has read a `.grad` that was there."""
        key = (id(frame.f_code), frame.f_lasti)
        use = self._uses.get(key)
        if use is None:
            if self._n_lines >= _MOST_LINES:
                return
            self._n_lines += 1
            iterator, again = _used_up(frame)
            place = user_place(frame, "grad")
            in_vain = assigned_in_vain(frame.f_code, frame.f_lasti)
            use = self._uses[key] = _Use(self._journal.last_pass_index, place, iterator, again, in_vain)
        use.leaves[state.id] = None

    def write(self) -> None:
        """Write down what was read since the last time."""
        uses, self._uses = self._uses, {}
        for use in uses.values():
            self._journal.write(
                {
                    "t": "grad_use",
                    "pass_index": use.pass_index,
                    "leaves": list(use.leaves),
                    "location": self._journal.place(use.place),
                    "iterator": None if use.iterator is None else plain_text(use.iterator),
                    "again": self._journal.place(use.again),
                    "in_vain": None if use.in_vain is None else plain_text(use.in_vain),
                }
            )

    def made_a_tensor(self, seen: TorchCall) -> None:
        """`torch.tensor` was called: the norm of no gradient at all is a new zero."""
        if seen.frame.f_code.co_name not in _CLIPPERS:
            return
        caller: types.FrameType | None = seen.frame
        while caller is not None and not caller.f_code.co_name.startswith("clip_grad"):
            caller = caller.f_back
        if caller is None or self._n_lines >= _MOST_LINES:
            return
        self._n_lines += 1
        given = locals_of(caller).get("parameters")
        call = caller.f_code.co_name
        self._journal.write(
            {
                "t": "empty_clipping",
                "pass_index": self._journal.last_pass_index,
                "call": call,
                "location": self._journal.place(user_place(caller, call)),
                "n_parameters": len(given) if type(given) is list else 0,
            }
        )

    # What moves.

    def pass_begins(self, index: int, leaves: Iterable[tuple[LeafState, torch.Tensor]], scope: Scope) -> None:
        """A pass recorded in full, which fills `.grad`, is about to run over these leaves."""
        self.write()
        free = [(state, tensor) for state, tensor in leaves if self._stepping.isdisjoint(state.owners)]
        if len(free) > _MOST_LEAVES:
            return
        for number in [number for number, (state, _) in self._copies.items() if state.reference() is None]:
            self._drop(number)
        readings = Readings()
        found: list[tuple[int, Reading, list[Reading]]] = []
        for state, tensor in free:
            if may_read(tensor) and tensor.layout is torch.strided:
                self._compare(state, tensor, readings, found)
        readings.settle()
        rows = [[number, change.plain(), _cosine(change, along)] for number, change, along in found]
        if rows:
            self._journal.write({"t": "moves", "pass_index": index, "rows": rows})
        for owner in {owner for state, _ in free for owner in state.owners}:
            self._n_passes[owner] = self._n_passes.get(owner, 0) + 1
            if self._n_passes[owner] == _ENOUGH_PASSES:
                name = self._optimizers.name_of(owner)
                if name is not None:
                    self._optimizers.would_step(owner, called_by(scope.codes(), name, "step"))

    def _compare(
        self,
        state: LeafState,
        tensor: torch.Tensor,
        readings: Readings,
        found: list[tuple[int, Reading, list[Reading]]],
    ) -> None:
        value = tensor.detach()
        copy = self._copies[state.id][1] if state.id in self._copies else None
        if copy is not None and copy.shape == value.shape and copy.dtype is value.dtype and copy.device == value.device:
            difference = value - copy
            along: list[Reading] = []
            gradient = tensor.grad
            if gradient is not None and may_read(gradient) and gradient.layout is torch.strided:
                flat = gradient.detach().flatten().to(difference.dtype)
                along = [readings.number(torch.dot(difference.flatten(), flat)), readings.norm(gradient)]
            found.append((state.id, readings.norm(difference), along))
            copy.copy_(value)
            return
        if copy is not None:
            self._drop(state.id)
        size = value.numel() * value.element_size()
        if value.is_floating_point() and self._n_bytes + size <= _COPIED:
            self._n_bytes += size
            self._copies[state.id] = state, value.clone()

    def _drop(self, number: int) -> None:
        copy = self._copies.pop(number)[1]
        self._n_bytes -= copy.numel() * copy.element_size()

    def after_fork(self) -> None:
        """The child knows no leaf."""
        self.__init__(self._journal, self._optimizers)  # type: ignore[misc]


def _cosine(change: Reading, along: list[Reading]) -> float | None:
    if not along:
        return None
    product, norm = (one.value for one in along)
    size = change.value
    if not size or not norm or product is None:
        return None
    cosine = product / (size * norm)
    return round(cosine, 6) if -2 < cosine < 2 else None  # noqa: PLR2004 - not finite is none of these


def _used_up(frame: types.FrameType) -> tuple[str | None, Place | None]:
    """The iterator over which a loop of this frame runs that another loop of the same function runs over later."""
    scopes = [frame]
    if frame.f_back is not None and frame.f_back.f_code.co_filename == frame.f_code.co_filename:
        scopes.append(frame.f_back)  # a comprehension is a frame of its own
    for one in scopes:
        names = [name for name, value in locals_of(one).items() if is_any_of(value, *_ITERATORS)]
        for name in names:
            again = loops_over(one.f_code, name, one.f_lasti)
            if again is not None:
                return name, Place(one.f_code, again, "")
    return None, None
