"""Looks closer where something is not finite: the pass is there to be looked at only now, and may be the only one."""

from __future__ import annotations

from typing import Any

import torch

from gradtrace.model.needs import ALL
from gradtrace.recorder import torch_facts
from gradtrace.recorder.context import Context
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.measure import Measurements
from gradtrace.recorder.number_watch import NumberWatch
from gradtrace.recorder.origins import Origin, Origins, saved_tensors
from gradtrace.recorder.sites import Place
from gradtrace.recorder.walk import Walk, find_origin, op_of

_MOST_NODES = 8
"""Of one pass so many nodes are looked at at which finite gradients end."""
_MOST_GRAPHS = 3
"""So many graphs of a run are looked through for an origin."""
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
        self._n_nodes = 0
        self.begins_badly = False
        """The pass begins at what is not finite."""
        self.saved: list[tuple[int, str, Any]] = []
        """Node, name and statistics of saved tensors."""

    def roots_are_bad(self, walk: Walk, roots: list[tuple[Any, int, torch.Tensor]]) -> None:
        """The pass begins at what is not finite; everything below is still there."""
        self.begins_badly = True
        self._look_through(walk, roots)

    def node_ran(self, number: int, received: list[tuple[torch.Tensor, int, Any]], sent: Any) -> None:
        """A node has sent its gradients; were they what they should not be, and what it got was not?"""
        strange = self._measured.strange
        if strange.isdisjoint(sent) or any(row in strange for _, row, _ in received) or self._n_nodes >= _MOST_NODES:
            return
        self._n_nodes += 1
        with torch.no_grad():
            self._look_at(number, received, sent)

    def _look_at(self, number: int, received: list[tuple[torch.Tensor, int, Any]], sent: Any) -> None:
        for tensor, row, _ in received:
            self._measured.complete(row, tensor)
        node = torch_facts.current_node()
        if node is None or not self._has_bad(sent):
            return
        for name, tensor in saved_tensors(node, may_unpack=not self._context.saw_saved_hooks).items():
            measured = Measurements(self._measured.value_limit, ALL)
            self.saved.append((number, name, measured.decoded(measured.add(tensor))))
        self._look_through(Walk([node]), [])

    def _has_bad(self, numbers: Any) -> bool:
        return any(self._measured.is_bad(one) for one in numbers)

    def _look_through(self, walk: Walk, roots: list[tuple[Any, int, torch.Tensor]]) -> None:
        if self._numbers.n_graphs >= _MOST_GRAPHS or len(walk.ids) > _LARGEST:
            return
        self._numbers.n_graphs += 1
        table = self._context.table()
        tables = [one for one in (table, *(one for one in self._context.tables() if one is not table)) if one]
        for origin in self._origins(walk, roots, tables):
            self._tell(origin, tables)

    def _origins(self, walk: Walk, roots: list[tuple[Any, int, torch.Tensor]], tables: list[ForwardTable]) -> Any:
        may_unpack = not self._context.saw_saved_hooks
        return Origins(walk.ids, roots, tables, op_of, may_unpack=may_unpack).find()

    def _tell(self, origin: Origin, tables: list[ForwardTable]) -> None:
        found = find_origin(tables, origin.node._sequence_nr(), origin.call)
        if found is None or found.place is None:
            self._numbers.tell(origin, None, None, self._index)
            return
        reference = self._context.modules.references[found.module] if found.module >= 0 else None
        module = None if reference is None else reference()
        path = None if module is None else self._context.names.module_path(module)
        place = Place(found.place.code, found.place.instruction, origin.call)
        self._numbers.tell(origin, place, path, self._index)
