"""Straight-through estimators: `x + (q - x).detach()` has the value of `q` and the gradient of `x`.

The detach in it is meant. What derives from `q` alone gets no gradient through it, and needs a loss of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.cut_points import losses
from gradtrace.diagnosis.evidence.ownership import above
from gradtrace.diagnosis.evidence.shapes import consumers, full, targets, through_views
from gradtrace.formulas import traits
from gradtrace.model import BackwardPass, Cut, CutKind, Graph, Leaf, Node, Trace

_PAIR = 2
_KINDS = frozenset({CutKind.DETACH, CutKind.DATA, CutKind.NO_GRAD})


@dataclass(frozen=True, slots=True)
class Untrained:
    """Leaves that come into the loss only through the detached part of such an estimator.

    Attributes:
        node: the sum that is the estimator.
        misused: an operation, if there is one, that compares the estimator with the detached value that it passes
            gradients to: a loss that was to train the leaves.
        are_moving: something else than gradients changes the leaves, or nobody looked.
    """

    leaves: tuple[Leaf, ...]
    cut: Cut
    backward: BackwardPass
    node: Node
    misused: Node | None
    are_moving: bool


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
                if number not in wanted or number in found or not traits.of(node).is_addition:
                    continue
                passed, parts = _passes_to(graph, node, cuts[number], cuts)
                if passed:
                    loss = wanted[number]
                    misused = next(_comparisons(graph, parts, passed, cuts), None)
                    found[number] = Untrained(
                        loss.leaves, loss.cut, backward, node, misused, _are_moving(trace, loss.leaves)
                    )
    return tuple(found.values())


def _are_moving(trace: Trace, leaves: tuple[Leaf, ...]) -> bool:
    """Whether the leaves were not seen to be the same before and after two steps or more."""
    ids = {leaf.id for leaf in leaves}
    norms: dict[int, list[object]] = {}
    for step in trace.steps:
        for change in step.changes:
            if change.leaf in ids:
                norms.setdefault(change.leaf, []).extend((change.before, change.after))
    return not all(
        len(seen) > _PAIR and None not in seen and len(set(seen)) == 1 for seen in (norms.get(one, []) for one in ids)
    )


def _passes_to(graph: Graph, node: Node, cut: Cut, cuts: dict[int, Cut]) -> tuple[set[int], list[Node]]:
    """The leaves of what a sum passes gradients to, with the sums that make up the estimator; nothing if it is none.

    It is one if the constant that it takes in was computed from these leaves too, and from more, or if a sum next to it
    takes in a constant of these leaves alone: `q.detach() + x - x.detach()`.
    """
    below = targets(graph, node)
    if len(below) != 1:
        return set(), []
    leaves = above(graph, below[0].id)
    if leaves and leaves < set(cut.leaves):
        return leaves, [node]
    near = [
        one for one in (*below, *consumers(graph, node)) if traits.of(one).is_addition and len(targets(graph, one)) == 1
    ]
    others = [one for one in near if any(set(cuts[number].leaves) == leaves for number in one.cuts if number in cuts)]
    return (leaves, [node, *others]) if leaves and others else (set(), [])


def _comparisons(graph: Graph, parts: list[Node], passed: set[int], cuts: dict[int, Cut]) -> Iterator[Node]:
    """What takes in the estimator together with the detached value that it passes gradients to."""
    own = {part.id for part in parts}
    for user in (user for part in parts for user in consumers(graph, part)):
        for one in (user, *consumers(graph, user)):
            inputs = {through_views(graph, below).id for below in targets(graph, one)}
            is_same = any(set(cuts[number].leaves) == passed for number in one.cuts if number in cuts)
            if one.id not in own and own & inputs and is_same:
                yield one
