"""Which source line, in which module, made which nodes.

Each node has a sequence number, counted per thread. Who sees a call of torch notes the number before and after it: the
nodes made in that half-open interval belong to the call. One table a thread; `find` turns a node's number back into
its place.
"""

from __future__ import annotations

import types
import weakref
from array import array
from bisect import bisect_right
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import impersonating_code
from gradtrace.recorder.looking import is_any_of
from gradtrace.recorder.measure import flat_values, values
from gradtrace.recorder.sites import (
    ModuleTable,
    Place,
    called_function,
    is_own,
    own_frame,
    place_at,
    running_module,
    skip_internal,
)
from gradtrace.recorder.tables import FLOATS

_MAX_INTERVALS = 2_000_000
_MAX_VALUES = 200_000
_MAX_KEPT = 50_000
_MAX_RESULTS = 8

_functorch_is_active = torch_facts.functorch_is_active
_sequence_number = torch_facts.sequence_number
_plain = torch_facts.PLAIN_TYPES


Result = tuple[torch.Size, torch.dtype, list[Any]]
"""Shape, dtype and elements of what a call returned: in order if a column of doubles holds them, else nested."""


class Origin:
    """Where nodes come from: a place in the source and a module number (-1: none)."""

    __slots__ = ("function", "is_direct", "module", "place")

    def __init__(
        self, place: Place | None, module: int, is_direct: bool, function: tuple[int, int] | None = None
    ) -> None:
        self.function = function
        """The function of torch's own, written in Python, from which the nodes came: its code, and how far it was."""
        self.place = place
        self.module = module
        self.is_direct = is_direct
        """Called from the user's own line, not from within torch."""


class ForwardTable:
    """The intervals of one thread, in ascending order, and the origin of each."""

    def __init__(self, value_limit: int) -> None:
        self.starts = array("q")
        self.ends = array("q")
        self.origin_numbers = array("l")
        self.origins: list[Origin] = []
        self._pass_starts = array("q")
        self._pass_indices = array("l")
        self.freed: dict[int, int] = {}
        """By sequence number: the pass that ran a node and freed what it had saved."""
        self.by_backward: set[int] = set()
        """Where intervals start whose nodes were made while a backward pass ran."""
        self._by_key: dict[tuple[int, ...], int] = {}
        self.calls: dict[tuple[int, int], tuple[types.CodeType, types.CodeType]] = {}
        """By code and instruction from where torch is called: code that makes such a call, and the caller's own."""
        self.value_limit = value_limit
        self.values: dict[tuple[int, int], Result] = {}
        """Small results, by sequence number of the node and output."""
        self._spent: list[int] = []
        self.retained: set[tuple[int, int]] = set()
        """Outputs for which the user called `retain_grad()`."""
        self.hooked: dict[tuple[int, int], tuple[weakref.ref[Any], list[Place]]] = {}
        """Outputs with tensor hooks: the dictionary which torch runs, and where the hooks were registered."""

    def add(self, start: int, end: int, origin: int) -> None:
        """Note that the nodes start <= number < end come from this origin."""
        if len(self.starts) >= _MAX_INTERVALS:
            keep = _MAX_INTERVALS // 2
            self.by_backward = {start for start in self.by_backward if start >= self.starts[-keep]}
            del self.starts[:-keep], self.ends[:-keep], self.origin_numbers[:-keep]
        self.starts.append(start)
        self.ends.append(end)
        self.origin_numbers.append(origin)

    def find(self, number: int) -> int:
        """The position of the interval that holds this sequence number, or -1."""
        position = bisect_right(self.starts, number) - 1
        return position if position >= 0 and number < self.ends[position] else -1

    def first_of_call(self, position: int) -> int:
        """The position of the first interval that belongs to the same call of torch's as this one.

        A function written in Python makes several; where it is called anew, it is no farther than it was.
        """
        origin = self.origins[self.origin_numbers[position]]
        while position > 0 and origin.function is not None:
            before = self.origins[self.origin_numbers[position - 1]]
            if before.function is None or before.place is None or origin.place is None:
                break
            if (before.module, before.place[:2], before.function[0]) != (
                origin.module,
                origin.place[:2],
                origin.function[0],
            ) or before.function[1] >= origin.function[1]:
                break
            origin = before
            position -= 1
        return position

    def begin_pass(self, index: int) -> None:
        """Nodes made from now on are made after this pass has begun."""
        self._pass_starts.append(_sequence_number())
        self._pass_indices.append(index)

    def after_fork(self) -> None:
        """The passes of the parent are not those of the child, whose own are counted from 1."""
        del self._pass_starts[:], self._pass_indices[:]
        self.freed.clear()

    def made_after(self, number: int) -> int:
        """The last pass that had begun when the node with this sequence number was made; 0 before the first."""
        position = bisect_right(self._pass_starts, number) - 1
        return self._pass_indices[position] if position >= 0 else 0

    def is_last_of_call(self, position: int) -> bool:
        """Whether the next nodes come from another place of the user's: these are then what the call returned."""
        if position + 1 >= len(self.starts):
            return True
        here, there = (self.origins[self.origin_numbers[position + step]].place for step in (0, 1))
        return here is None or there is None or here[:2] != there[:2]

    def origin_number(self, origin: Origin, key: tuple[int, ...]) -> int:
        """Intern an origin."""
        number = self._by_key.get(key)
        if number is None:
            if len(self.origins) > _MAX_INTERVALS:
                return 0
            self.origins.append(origin)
            number = self._by_key[key] = len(self.origins) - 1
        return number

    def origin_at(self, frame: types.FrameType, call: str, modules: ModuleTable) -> int:
        """The origin of a call that is being made from this frame."""
        code, instruction = frame.f_code, frame.f_lasti
        direct = is_own(code)
        if direct:
            module = running_module(frame)
            number = -1 if module is None else modules.number(module, frame)
            own_key = (id(code), instruction, number, True)
            known = self._by_key.get(own_key)
            if known is not None:
                return known
            return self.origin_number(Origin(place_at(frame, call), number, is_direct=True), own_key)
        return self._origin_within(frame, call, modules)

    def _origin_within(self, frame: types.FrameType, call: str, modules: ModuleTable) -> int:
        """The same, from a frame of torch's or of a library."""
        code, instruction = frame.f_code, frame.f_lasti
        direct = False
        called: types.FrameType | None = None
        module = running_module(frame)
        outer = skip_internal(frame)
        own = own_frame(outer)
        if outer is frame:
            direct = own is None
        else:
            called = called_function(frame)
        if outer is not None:
            code, instruction = outer.f_code, outer.f_lasti
        number = -1 if module is None else modules.number(module, frame)
        key: tuple[int, ...] = (id(code), instruction, number, direct)
        if own is not None and own is not outer:
            key = (*key, id(own.f_code), own.f_lasti)
        function = None
        if outer is not frame:
            key = (*key, id(frame.f_code), frame.f_lasti)
        if called is not None:
            function = (id(called.f_code), called.f_lasti)
            call = called.f_code.co_name
            key = (*key, *function)
        known = self._by_key.get(key)
        if known is not None:
            return known
        place = None if outer is None else place_at(outer, call)
        return self.origin_number(Origin(place, number, direct, function), key)

    def calling_code(self, frame: types.FrameType) -> types.CodeType:
        """The code of a function that makes the call in the name of this frame."""
        key = (id(frame.f_code), frame.f_lasti)
        known = self.calls.get(key)
        if known is None:
            if len(self.calls) > _MAX_VALUES:
                self.calls.clear()
            known = self.calls[key] = (impersonating_code(frame), frame.f_code)
        return known[0]

    def note_result(self, result: Any) -> None:
        """Keep the values of a small result for its node."""
        if type(result) in _plain:
            self._note_value(result)
        elif is_any_of(result, tuple, list) and len(result) <= _MAX_RESULTS:
            for one in result:
                if type(one) in _plain:
                    self._note_value(one)

    def _note_value(self, tensor: torch.Tensor) -> None:
        if tensor.numel() > self.value_limit or not tensor.is_cpu or tensor.layout is not torch.strided:
            return
        node = tensor.grad_fn
        if node is None or _functorch_is_active():
            return
        if len(self.values) > _MAX_VALUES:
            self.values.clear()
        dtype = tensor.dtype
        elements = flat_values(tensor) if dtype in FLOATS else values(tensor)
        self.values[node._sequence_nr(), tensor.output_nr] = (tensor.shape, dtype, elements)

    def forget(self, numbers: list[int]) -> None:
        """These nodes have run and cannot run again; the next pass may still fail for want of them, and show them."""
        for number in self._spent:
            self.values.pop((number, 0), None)
        self._spent = numbers

    def after_pass(self) -> None:
        """Keep what is known of single tensors within bounds; a retained graph may be walked again."""
        tables: tuple[dict[Any, Any], ...] = (self.values, self.hooked, self.freed)
        for known in tables:
            if len(known) > _MAX_KEPT:
                for key in list(known)[: len(known) - _MAX_KEPT // 2]:
                    del known[key]
        if len(self.retained) > _MAX_KEPT:
            self.retained.clear()
