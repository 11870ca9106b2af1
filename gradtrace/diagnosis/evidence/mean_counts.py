"""Means over different numbers of elements that add up in one step as if they were alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.shapes import adjacency, is_type
from gradtrace.diagnosis.evidence.timeline import passes_by_index
from gradtrace.diagnosis.evidence.used_gradients import Share, Use, uses
from gradtrace.formulas import traits
from gradtrace.model import STORED, BackwardPass, Graph, Node, StepFact, Trace
from gradtrace.model.location import source_line

_MOST_ON_THE_WAY = 8
_UNEVEN = 1.5
"""So many times as many elements as the least must the largest of some passes have."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over those elements of a pass that count.

    Attributes:
        node: what takes it.
        count: how many elements count.
        weight: with what the mean goes into the loss.
    """

    node: Node
    count: float
    weight: float


@dataclass(frozen=True, slots=True)
class UnevenMeans:
    """A step that used such means as if each had the same count."""

    step: StepFact
    share: Share
    means: tuple[Mean, ...]


@once
def uneven_means(trace: Trace) -> dict[int, tuple[UnevenMeans, ...]]:
    """By optimizer: its uneven steps, where most of its steps are."""
    by_index = passes_by_index(trace)
    found: dict[int, list[UnevenMeans]] = {}
    n_steps: dict[int, int] = {}
    ended: dict[int, int] = {}
    for use in uses(trace):
        optimizer = use.step.optimizer
        share = _only(use)
        is_new = share is not None and share.first > ended.get(optimizer, 0)
        ended[optimizer] = use.step.pass_index
        n_steps[optimizer] = n_steps.get(optimizer, 0) + 1
        if share is None or not is_new or share.written:
            continue
        indices = range(share.first, share.last + 1)
        passes = [by_index[index, use.step.process] for index in indices if (index, use.step.process) in by_index]
        means = _means([one for one in passes if source_line(one.location) == share.line])
        if means:
            found.setdefault(optimizer, []).append(UnevenMeans(use.step, share, means))
    return {optimizer: tuple(steps) for optimizer, steps in found.items() if 2 * len(steps) > n_steps[optimizer]}


def _only(use: Use) -> Share | None:
    """The one share that all parameters of a step have, of several passes."""
    shares = {shares[0] for shares in use.shares.values() if len(shares) == 1}
    is_one = len(shares) == 1 and all(len(one) == 1 for one in use.shares.values())
    share = next(iter(shares)) if is_one else None
    return share if share is not None and share.count > 1 else None


def _means(passes: list[BackwardPass]) -> tuple[Mean, ...]:
    """The means of these passes, if they are alike and their counts are not."""
    reached = {frozenset(row.leaf for row in one.accumulations if row.effect in STORED) for one in passes}
    means = [mean_of(one) for one in passes]
    known = tuple(mean for mean in means if mean is not None)
    if len(reached) != 1 or len(known) != len(passes) or len({mean.node.type for mean in known}) != 1:
        return ()
    counts = [mean.count for mean in known]
    weights = [mean.weight for mean in known]
    if max(counts) < _UNEVEN * min(counts) or not all(math.isclose(one, weights[0], rel_tol=1e-3) for one in weights):
        return ()
    return known


def mean_of(one: BackwardPass) -> Mean | None:
    """The mean at which a pass begins, or which only a factor separates from its beginning."""
    graph = one.graph
    if graph is None or len(one.roots) != 1 or one.roots[0].node is None:
        return None
    sent = adjacency(graph)
    number = one.roots[0].node
    for _ in range(_MOST_ON_THE_WAY):
        node = graph.nodes[number]
        targets = [graph.edges[position].target for position in sent.sent_by(number)]
        count = _count(graph, node, targets)
        if count is not None:
            weight = None if node.received is None else node.received.norm
            return Mean(node, count, weight) if count > 0 and weight else None
        op = traits.of(node)
        is_scaled = op.is_scaling or op.is_copy or is_type(node, "NegBackward")
        if len(targets) != 1 or not is_scaled or node.shape:
            return None
        number = targets[0]
    return None


def _count(graph: Graph, node: Node, targets: list[int]) -> float | None:
    """How many elements count in a mean that leaves some out; None for other nodes."""
    saved = {one.name: one.value for one in node.saved}
    if is_type(node, "NllLoss") and dict(node.arguments).get("reduction") == "1":
        count, shape = saved.get("total_weight"), next((one.shape for one in node.saved if one.name == "target"), None)
        if isinstance(count, float) and count.is_integer() and shape is not None:
            return count
    if len(targets) != 1:
        return None
    source = graph.nodes[targets[0]]
    if traits.of(node).is_mean and is_type(source, "IndexBackward", "MaskedSelectBackward") and source.shape:
        return float(math.prod(source.shape))
    if is_type(node, "DivBackward") and is_type(source, "SumBackward"):
        divisor = saved.get("other")
        return float(divisor) if isinstance(divisor, int | float) else None
    return None
