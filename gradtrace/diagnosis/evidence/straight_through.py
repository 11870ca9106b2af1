"""Straight-through estimators: `x + (q - x).detach()` has the value of `q` and the gradient of `x`.

The detach in it is meant. What derives from `q` alone gets no gradient through it, and needs a loss of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.cut_points import losses
from gradtrace.diagnosis.evidence.ownership import above
from gradtrace.diagnosis.evidence.shapes import consumers, full, is_type, targets, through_views
from gradtrace.model import BackwardPass, Cut, CutKind, Graph, Leaf, Node, Trace

_SUMS = ("AddBackward", "SubBackward", "RsubBackward")
_KINDS = frozenset({CutKind.DETACH, CutKind.DATA, CutKind.NO_GRAD})


@dataclass(frozen=True, slots=True)
class Untrained:
    """Leaves that come into the loss only through the detached part of such an estimator.

    Attributes:
        node: the sum that is the estimator.
        misused: an operation, if there is one, that compares the estimator with the detached value that it passes
            gradients to: a loss that was to train the leaves.
    """

    leaves: tuple[Leaf, ...]
    cut: Cut
    backward: BackwardPass
    node: Node
    misused: Node | None


@once
def untrained(trace: Trace) -> tuple[Untrained, ...]:
    """Every such group of leaves, once for each estimator."""
    wanted = {
        loss.cut.id: loss for loss in losses(trace) if loss.backward is None and loss.cut.kind in _KINDS and loss.leaves
    }
    if not wanted:
        return ()
    cuts = {cut.id: cut for cut in trace.cuts}
    found: dict[int, Untrained] = {}
    for backward, graph in full(trace):
        for node in graph.nodes:
            for number in node.cuts:
                if number not in wanted or number in found or not is_type(node, *_SUMS):
                    continue
                passed = _passes_to(graph, node, cuts[number])
                if passed:
                    loss = wanted[number]
                    misused = next(_comparisons(graph, node, passed, cuts), None)
                    found[number] = Untrained(loss.leaves, loss.cut, backward, node, misused)
    return tuple(found.values())


def _passes_to(graph: Graph, node: Node, cut: Cut) -> set[int]:
    """The leaves of what a sum passes gradients to, if the constant that it takes in was computed from these too."""
    below = targets(graph, node)
    if len(below) != 1:
        return set()
    leaves = above(graph, below[0].id)
    return leaves if leaves and leaves < set(cut.leaves) else set()


def _comparisons(graph: Graph, node: Node, passed: set[int], cuts: dict[int, Cut]) -> Iterator[Node]:
    """What takes in the estimator together with the detached value that it passes gradients to."""
    for user in consumers(graph, node):
        for one in (user, *consumers(graph, user)):
            inputs = [through_views(graph, below) for below in targets(graph, one)]
            if node in inputs and any(set(cuts[number].leaves) == passed for number in one.cuts if number in cuts):
                yield one
