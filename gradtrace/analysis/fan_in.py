"""Which edges add up to what a node received, and whether the recorded numbers say so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradtrace.analysis.elements import elements_of, is_finite
from gradtrace.analysis.topology import Adjacency
from gradtrace.model import Accumulation, BackwardPass, Graph, Node, NodeOutput, TensorStats

_TOLERANCES = {"float64": 1e-9, "complex128": 1e-9, "float16": 2e-2, "bfloat16": 5e-2}
_TOLERANCE = 1e-4
"""Relative to the largest summand: sums of float32 in another order differ by less."""


@dataclass(frozen=True, slots=True)
class FanIn:
    """Everything that arrives at one output of one node.

    Attributes:
        node: id in the graph.
        output: its output number.
        edges: positions in `Graph.edges`, in the order of their sources.
        sum: what arrived: the sum, before hooks of the program rewrote it; None when nothing did.
        starts: gradients with which the pass starts here, at a root.
    """

    node: int
    output: int
    edges: tuple[int, ...]
    sum: TensorStats | None
    starts: tuple[TensorStats, ...] = ()


def fan_ins(one: BackwardPass, adjacency: Adjacency | None = None) -> Iterator[FanIn]:
    """The fan-in of every output of every node at which something arrives, by node and output."""
    if one.graph is None:
        return
    adjacency = adjacency or Adjacency(one.graph)
    starts: dict[tuple[int, int], list[TensorStats]] = {}
    for root in one.roots:
        if root.node is not None and root.gradient is not None:
            starts.setdefault((root.node, root.output), []).append(root.gradient)
    for node in one.graph.nodes:
        yield from _of_node(one.graph, adjacency, node, starts)


def _of_node(
    graph: Graph, adjacency: Adjacency, node: Node, starts: dict[tuple[int, int], list[TensorStats]]
) -> Iterator[FanIn]:
    edges: dict[int, list[int]] = {output.index: [] for output in node.outputs}
    for position in adjacency.arriving_at(node.id):
        edges.setdefault(graph.edges[position].output, []).append(position)
    outputs = {output.index: output for output in node.outputs}
    for index in sorted(edges):
        begun = tuple(starts.get((node.id, index), ()))
        if edges[index] or begun:
            yield FanIn(node.id, index, tuple(edges[index]), _arrived(outputs.get(index)), begun)


def _arrived(output: NodeOutput | None) -> TensorStats | None:
    if output is None:
        return None
    return output.arrived if output.arrived is not None else output.received


def is_sum(graph: Graph, fan_in: FanIn) -> bool | None:
    """Whether what the edges sent adds up to what arrived, element by element; None when not all values are there."""
    sent = [graph.edges[position].sent for position in fan_in.edges]
    parts = [stats for stats in (*sent, *fan_in.starts) if stats is not None]
    if fan_in.sum is None:
        return None if parts else True
    total = elements_of(fan_in.sum)
    rows = [elements_of(part) for part in parts]
    if total is None or not rows:
        return None
    known = [row for row in rows if row is not None and len(row) == len(total)]
    if len(known) < len(rows):
        return None
    tolerance = _TOLERANCES.get(fan_in.sum.dtype, _TOLERANCE)
    return all(_is_near(total[i], [row[i] for row in known], tolerance) for i in range(len(total)))


def is_put_there(row: Accumulation) -> bool:
    """Whether nothing came to a leaf, and another gradient stands in its `.grad` after the pass all the same.

    What shards a model, or averages over ranks, puts it there while the pass runs.
    """
    return row.contribution is None and row.after is not None and row.after is not row.before


def adds_up(row: Accumulation) -> bool | None:
    """Whether `.grad` after a pass is what was there before plus what came; None when too little was measured.

    Where elements are not known, norms may show that it is not: that of a sum lies between difference and sum; and so
    may means, where they were measured.
    """
    if row.contribution is None or row.after is None:
        return None
    if row.before is None and row.after.value is not None and row.after.value == row.contribution.value:
        return True
    parts = [stats for stats in (row.before, row.contribution) if stats is not None]
    total, rows = elements_of(row.after), [elements_of(part) for part in parts]
    known = [each for each in rows if each is not None and total is not None and len(each) == len(total)]
    tolerance = _TOLERANCES.get(row.after.dtype, _TOLERANCE)
    if total is not None and len(known) == len(rows):
        return all(_is_near(total[i], [each[i] for each in known], tolerance) for i in range(len(total)))
    norms = [stats.norm for stats in parts if stats.norm is not None]
    if row.after.norm is None or len(norms) < len(parts) or not all(map(math.isfinite, (*norms, row.after.norm))):
        return None
    largest = max(*norms, row.after.norm)
    least, slack = max(norms) - sum(norms) + max(norms), max(tolerance, _OF_NORMS) * largest
    if not least - slack <= row.after.norm <= sum(norms) + slack:
        return False
    means = [stats.mean for stats in parts if stats.mean is not None and stats.shape == row.after.shape]
    if row.after.mean is None or len(means) < len(parts):
        return True
    # The mean of a sum is the sum of the means; how far rounding may move it, the norm says.
    return abs(row.after.mean - sum(means)) <= slack / math.sqrt(max(1, row.after.numel))


_OF_NORMS = 1e-3
"""Relative to the largest: norms are sums of many squares."""


def _is_near(total: complex, parts: Sequence[complex], tolerance: float) -> bool:
    """Whether numbers add up; an Inf or NaN must have arisen from one."""
    found = sum(parts)
    if not all(map(is_finite, (found, total))):
        return not is_finite(found) and not is_finite(total)
    return abs(found - total) <= tolerance * max(abs(total), *map(abs, parts)) + math.ulp(0.0)
