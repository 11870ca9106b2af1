"""All that is known of one leaf, before it is known why it has the gradient that it has."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.paths import Ways, ways
from gradtrace.analysis.reasons_answer import Reason, Subject
from gradtrace.analysis.source_slice import is_shown
from gradtrace.model import Accumulation, BackwardPass, Cut, CutKind, Event, EventKind, Leaf, Trace

LeafNodes = dict[int, dict[int, int]]

READING = frozenset({CutKind.ITEM, CutKind.TOLIST, CutKind.NUMPY, CutKind.NUMBER})
"""Kinds of cut by which a program usually only looks at a value: a reason only if the number came back into a graph."""


@dataclass(frozen=True, slots=True)
class Case:
    """A leaf, with all that is known of it."""

    trace: Trace
    leaf: Leaf
    rows: tuple[tuple[BackwardPass, Accumulation], ...]
    cuts: tuple[Cut, ...]
    passes: tuple[BackwardPass, ...]
    nodes: LeafNodes
    has_ways: bool = True

    def node(self, one: BackwardPass) -> int | None:
        """Its node in the graph of a pass."""
        return self.nodes.get(one.index, {}).get(self.leaf.id)

    def ways(self, one: BackwardPass) -> Ways | None:
        """How the gradient came to it in a pass, when that is asked for."""
        node = self.node(one)
        return ways(one, node) if node is not None and self.has_ways else None

    def subject(self, reason: Reason, **fields: object) -> Subject:
        """An answer about this leaf."""
        leaf = self.leaf
        return Subject(leaf.name, leaf.kind, reason, leaf, **fields)  # type: ignore[arg-type]


def leaf_nodes(trace: Trace) -> LeafNodes:
    """By index of a pass and id of a leaf, the leaf's node in that pass's graph."""
    return {
        one.index: {node.leaf: node.id for node in one.graph.nodes if node.leaf is not None}
        for one in trace.passes
        if one.graph is not None
    }


def case_of(trace: Trace, leaf: Leaf, nodes: LeafNodes, *, has_ways: bool) -> Case:
    """The leaf with the passes, rows and cuts that concern it."""
    passes = tuple(one for one in trace.passes if one.process == leaf.process and not one.is_drawn_only)
    rows = tuple((one, row) for one in passes for row in one.accumulations if row.leaf == leaf.id)
    cuts = sorted((cut for cut in trace.cuts if leaf.id in cut.leaves and cut.process == leaf.process), key=_weight)
    return Case(trace, leaf, rows, tuple(cuts), passes, nodes, has_ways)


def _weight(cut: Cut) -> tuple[bool, bool, bool, int]:
    """Cuts whose result came back into a recorded graph come first; mere looking last."""
    return (not cut.passes, cut.reentry is None, is_look(cut), cut.id)


def is_look(cut: Cut) -> bool:
    """Whether the program only looks at the value, by what it asks for or by where that stands."""
    return cut.kind in READING or is_shown(cut.location)


def switches(case: Case) -> list[Event]:
    """Where the program switched its `requires_grad`."""
    return [
        event for event in case.trace.events if event.kind == EventKind.REQUIRES_GRAD and case.leaf.id in event.leaves
    ]
