"""Looks closer where something is not finite: the pass is there to be looked at only now, and may be the only one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.context import Context
from gradtrace.recorder.describer import find_call
from gradtrace.recorder.flow import Flow, Received
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.measure import Measurements, is_readable
from gradtrace.recorder.node_types import type_of
from gradtrace.recorder.number_watch import NumberWatch
from gradtrace.recorder.origins import Origin, Origins
from gradtrace.recorder.saved_tensors import SavedTensors
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sections import Quiet
from gradtrace.recorder.sites import Place
from gradtrace.recorder.walk import Walk

_MOST_NODES = 8
"""Of one pass so many nodes are looked at at which finite gradients end."""
_MOST_GRAPHS = 3
"""So many graphs of a run are looked through for an origin."""
_MOST_NAMES = 2_000
_LARGEST = 200_000
"""A graph of more nodes is not looked through; the results of the next passes are looked at all the same."""


class Closer:
    """What is looked at of one pass.

    Args:
        numbers: takes in the origins.
        measured: the statistics of the pass.
    """

    def __init__(self, context: Context, numbers: NumberWatch, measured: Measurements, index: int) -> None:
        self._context = context
        self._numbers = numbers
        self._measured = measured
        self._index = index
        self._flow: Flow | None = None
        self._unknown: set[int] = set()
        self._n_nodes = 0
        self._begins_badly = False
        self._names: dict[tuple[int, tuple[int, ...]], str] = {}
        """By address and shape: what the program calls the tensors that it has when the pass begins."""
        self.saved = array("I")
        """Node, position and statistics of saved tensors."""

    def begins(self, flow: Flow, unknown: set[int]) -> None:
        """The engine is about to run; nothing was written down of what unknown nodes saved."""
        self._flow, self._unknown = flow, unknown

    def roots_are_bad(self, walk: Walk, roots: list[tuple[Any, int, torch.Tensor]], scope: Scope) -> None:
        """The pass begins at what is not finite; everything below is still there."""
        self._begins_badly = True
        for name, tensor, _ in scope.visible():
            if is_readable(tensor) and len(self._names) < _MOST_NAMES:
                self._names.setdefault(_key(tensor), name)
        self._look_through(walk, roots)

    def node_ran(self, number: int, received: Received) -> None:
        """A node has sent its gradients; were they what they should not be, and what it got was not?"""
        measured = self._measured
        if not measured.has_new_strange() or self._n_nodes >= _MOST_NODES or self._flow is None:
            return
        sent = self._flow.sent_by(number)
        if not any(map(measured.is_strange, sent)) or any(measured.is_strange(row) for _, row in received):
            return
        self._n_nodes += 1
        with Quiet(), torch.no_grad():
            self._look_at(number, received, sent)

    def pass_ended(self) -> None:
        """The engine has run, and all numbers are known."""
        self._numbers.pass_ended()
        if self._begins_badly or self._measured.has_bad():
            self._numbers.alarm()

    def _look_at(self, number: int, received: Received, sent: list[int]) -> None:
        for tensor, row in received:
            self._measured.complete(row, tensor)
        node = torch_facts.current_node()
        if node is None or not any(map(self._measured.is_bad, sent)):
            return
        if number not in self._unknown:
            _, kept = SavedTensors(self._context, self._measured, is_close=True).look(node, type_of(node))
            for position, stats, _ in kept:
                if stats >= 0:
                    self.saved.extend((number, position, stats))
        self._look_through(Walk([node]), [])

    def _look_through(self, walk: Walk, roots: list[tuple[Any, int, torch.Tensor]]) -> None:
        if self._numbers.n_graphs >= _MOST_GRAPHS or len(walk.ids) > _LARGEST:
            return
        self._numbers.n_graphs += 1
        tables = self._context.tables()
        for origin in self._origins(walk, roots, tables):
            self._tell(origin, tables)

    def _origins(
        self, walk: Walk, roots: list[tuple[Any, int, torch.Tensor]], tables: list[ForwardTable]
    ) -> Iterator[Origin]:
        may_unpack = not self._context.saw_saved_hooks
        return Origins(walk.ids, roots, tables, may_unpack=may_unpack).find()

    def _tell(self, origin: Origin, tables: list[ForwardTable]) -> None:
        call = find_call(tables, origin.node._sequence_nr(), origin.call)
        found = None if call is None else call[0].origins[call[0].origin_numbers[call[1]]]
        name = self._name(origin) if origin.is_given else None
        if found is None or found.place is None:
            self._numbers.tell(origin, None, None, self._index, name)
            return
        if origin.is_given and found.place.call.isidentifier():
            origin = origin._replace(call=found.place.call)
        reference = self._context.modules.references[found.module] if found.module >= 0 else None
        module = None if reference is None else reference()
        path = None if module is None else self._context.names.module_path(module)
        place = Place(found.place.code, found.place.instruction, origin.call)
        self._numbers.tell(origin, place, path, self._index, name)

    def _name(self, origin: Origin) -> str | None:
        """What the program calls a tensor that an operation was given."""
        state = None if origin.leaf is None else self._context.leaves.find(origin.leaf)
        if state is not None and state.is_named:
            return state.name
        tensor = origin.output.tensor
        return None if tensor is None else self._names.get(_key(tensor))


def _key(tensor: torch.Tensor) -> tuple[int, tuple[int, ...]]:
    return torch_facts.pointer(tensor), tuple(torch_facts.shape(tensor))
