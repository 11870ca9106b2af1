"""Casts of parameters that autocast made once and kept, while steps changed the parameters."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.shapes import adjacency, is_type
from gradtrace.model import BackwardPass, EventKind, Node, StepFact, Trace


@dataclass(frozen=True, slots=True)
class StaleCast:
    """A pass that used casts of parameters as they were before a step.

    Attributes:
        step: the first step that changed them, with autocast on.
        backward: the pass.
        node: one of the casts.
        leaves: the parameters.
    """

    step: StepFact
    backward: BackwardPass
    node: Node
    leaves: tuple[int, ...]


@once
def stale_casts(trace: Trace) -> tuple[StaleCast, ...]:
    """By optimizer, the first pass of the run that used such casts."""
    moved: dict[int, StepFact] = {}
    steps = {one.number: one for one in trace.steps if one.autocast is not None and not one.is_skipped}
    found: dict[int, StaleCast] = {}
    waiting = [event.step for event in trace.events if event.kind == EventKind.STEP and event.step is not None]
    at = 0
    for one in sorted(trace.passes, key=lambda one: one.index):
        while at < len(waiting) and waiting[at].pass_index < one.index:
            if waiting[at].number in steps:
                moved.update((change.leaf, waiting[at]) for change in waiting[at].changes if change.change)
            at += 1
        by_optimizer: dict[int, list[tuple[StepFact, Node, int]]] = {}
        for node, leaf in _casts(one) if moved else ():
            step = moved.get(leaf)
            if step is not None and node.made_after is not None and node.made_after < step.pass_index:
                by_optimizer.setdefault(step.optimizer, []).append((step, node, leaf))
        for optimizer, casts in by_optimizer.items():
            leaves = tuple(leaf for _, _, leaf in casts)
            found.setdefault(optimizer, StaleCast(casts[0][0], one, casts[0][1], leaves))
    return tuple(found.values())


def _casts(one: BackwardPass) -> list[tuple[Node, int]]:
    """The casts of parameters in the graph of a pass, each with its parameter."""
    if one.graph is None or one.is_drawn_only:
        return []
    graph = one.graph
    casts = [node for node in graph.nodes if is_type(node, "ToCopyBackward")]
    found: list[tuple[Node, int]] = []
    if casts:
        sent = adjacency(graph)
        for node in casts:
            targets = [graph.nodes[graph.edges[position].target] for position in sent.sent_by(node.id)]
            found += [(node, target.leaf) for target in targets if target.leaf is not None]
    return found
