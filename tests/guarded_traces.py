"""Traces that note, or forbid, what a rule reads of their tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from gradtrace.model import BackwardPass, Edge, Node, SavedTensor, TensorStats, Trace
from gradtrace.model.needs import Needs, Statistic, Tensors

TOLD_BY = {
    "norm": {Statistic.NORM},
    "min": {Statistic.EXTREMES},
    "max": {Statistic.EXTREMES},
    "mean": {Statistic.MEAN},
    "nan": {Statistic.FINITE},
    "inf": {Statistic.FINITE},
    "zero": {Statistic.ZEROS, Statistic.ALL_ZERO},
    "value": {Statistic.VALUES},
}
"""Which statistics, each by itself, a field of `TensorStats` is measured for."""

Place = tuple[Tensors, str, str]
"""Whose tensor, the type of the node, and the name of a saved tensor."""
Reader = Callable[[tuple[Place, ...], str], None]


class Guarded(TensorStats):
    """Statistics that tell `reader` of each look at them."""

    __slots__ = ("_inner", "_places", "_reader")


def _telling(field: str) -> Any:
    def get(self: Any) -> Any:
        self._reader(self._places, field)
        return getattr(self._inner, field)

    return property(get)


for _field in TOLD_BY:
    setattr(Guarded, _field, _telling(_field))


def guarded(trace: Trace, reader: Reader) -> Trace:
    """The same trace; `reader` is called with the places of a tensor and the field that is read."""

    def guard(stats: TensorStats | None, *places: Place) -> TensorStats | None:
        if stats is None:
            return None
        one = object.__new__(Guarded)
        given = {"shape": stats.shape, "dtype": stats.dtype, "numel": stats.numel}
        for name, value in {**given, "_inner": stats, "_places": places, "_reader": reader}.items():
            object.__setattr__(one, name, value)
        return one

    return replace(
        trace,
        passes=tuple(_pass(one, guard) for one in trace.passes),
        non_finite=tuple(
            replace(
                one,
                output=guard(one.output, (Tensors.TROUBLE, "", "")),
                inputs=tuple(guard(stats, (Tensors.TROUBLE, "", "")) for stats in one.inputs),
            )
            for one in trace.non_finite
        ),
    )


def _pass(one: BackwardPass, guard: Any) -> BackwardPass:
    leaf, root = (Tensors.LEAVES, "", ""), (Tensors.ROOTS, "", "")
    is_bad = any(one.value is not None and one.value.is_finite is False for one in one.roots)
    graph = one.graph
    if graph is not None:
        strange = {edge.source for edge in graph.edges if is_strange(edge.sent)}
        graph = replace(
            graph,
            nodes=tuple(_node(node, guard, is_strange=node.id in strange, is_bad=is_bad) for node in graph.nodes),
            edges=tuple(_edge(edge, guard, graph.nodes[edge.source].type) for edge in graph.edges),
        )
    return replace(
        one,
        graph=graph,
        roots=tuple(
            replace(one, value=guard(one.value, root), gradient=guard(one.gradient, (Tensors.GRADIENTS, "", "")))
            for one in one.roots
        ),
        accumulations=tuple(
            replace(
                row,
                before=guard(row.before, leaf),
                contribution=guard(row.contribution, leaf),
                after=guard(row.after, leaf),
            )
            for row in one.accumulations
        ),
    )


def is_strange(stats: TensorStats | None) -> bool:
    """Whether the recorder looks closer where this is sent."""
    if stats is None or stats.norm is None:
        return False
    return stats.is_finite is False or not math.isfinite(stats.norm) or (stats.dtype == "float16" and stats.norm == 0)


def _edge(edge: Edge, guard: Any, kind: str) -> Edge:
    return replace(edge, sent=guard(edge.sent, (Tensors.GRADIENTS, kind, "")))


def _node(node: Node, guard: Any, *, is_strange: bool, is_bad: bool) -> Node:
    trouble: Iterable[Place] = [(Tensors.TROUBLE, node.type, "")] if is_strange else []
    gradient = (Tensors.GRADIENTS, node.type, "")
    outputs = tuple(
        replace(
            one,
            received=guard(one.received, gradient, *trouble),
            arrived=guard(one.arrived, gradient),
            value=guard(one.value, (Tensors.RESULTS, node.type, "")),
        )
        for one in node.outputs
    )
    around: Iterable[Place] = [(Tensors.TROUBLE, node.type, "")] if is_strange or is_bad else []

    def of_saved(saved: SavedTensor) -> SavedTensor:
        return replace(saved, stats=guard(saved.stats, (Tensors.SAVED, node.type, saved.name), *around))

    return replace(node, outputs=outputs, saved=tuple(map(of_saved, node.saved)))


def fulfilling(needs: Needs, places: tuple[Place, ...], field: str) -> set[tuple[Tensors, Statistic]]:
    """Which of the needs allow to read a field of the tensor at these places."""
    return {
        (one.of, statistic)
        for one in needs
        for statistic in one.statistics & TOLD_BY[field]
        for of, op, name in places
        if one.of == of and one.is_at(op, name)
    }
