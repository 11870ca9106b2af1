"""Who owns which leaves, and which of them gradients reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradtrace.analysis.once import once
from gradtrace.analysis.topology import reachable
from gradtrace.diagnosis.evidence.shapes import adjacency
from gradtrace.model import STORED, BackwardPass, CutKind, EventKind, Graph, Leaf, LeafKind, Trace
from gradtrace.model.tensors import Number

ASSIGNED = "Tensor.grad ="
"""How the call of an event begins that gave a leaf another `.grad`."""

_MAX_NAMES = 2


@once
def owners(trace: Trace) -> dict[int, frozenset[int]]:
    """By leaf: the optimizers that hold it, as far as they told or were seen to touch it."""
    found = {leaf.id: set(leaf.optimizers) for leaf in trace.leaves}
    for event in trace.events:
        if event.optimizer is not None:
            for leaf in event.leaves:
                found[leaf].add(event.optimizer)
    return {leaf: frozenset(ids) for leaf, ids in found.items() if ids}


@once
def received(trace: Trace) -> dict[int, list[BackwardPass]]:
    """By leaf: the passes that stored a gradient in it."""
    found: dict[int, list[BackwardPass]] = {}
    for backward in trace.passes:
        for one in backward.accumulations:
            if one.effect in STORED:
                found.setdefault(one.leaf, []).append(backward)
    return found


@once
def reached(trace: Trace) -> frozenset[int]:
    """The leaves that were part of the graph of any pass."""
    found = {one.leaf for backward in trace.passes for one in backward.accumulations}
    for backward in trace.passes:
        if backward.graph is not None:
            found.update(node.leaf for node in backward.graph.nodes if node.leaf is not None)
    return frozenset(found)


@once
def lost(trace: Trace) -> tuple[Leaf, ...]:
    """Leaves that an optimizer is to train (or whose `.grad` the program reads) and that no pass ever gave anything.

    A program whose backward failed tells nothing: what it did not reach may have been next. What the program moves by
    its own hand is not the optimizer's to train, nor is a copy of trained parameters that is used without gradients.
    """
    if all(backward.is_drawn_only for backward in trace.passes) or any(one.error for one in trace.passes):
        return ()
    wanted = (set(owners(trace)) - moved_by_hand(trace) - _targets(trace)) | {
        leaf for event in trace.events if event.kind == EventKind.GRAD_READ for leaf in event.leaves
    }
    given = {
        one.leaf for backward in trace.passes for one in backward.accumulations if one.contribution is not None
    } | set(received(trace))
    given.update(
        leaf
        for event in trace.events
        if event.kind in {EventKind.STEP, EventKind.GRAD_MODIFIED}
        for leaf in event.leaves
    )
    return tuple(leaf for leaf in trace.leaves if leaf.id in wanted and leaf.requires_grad and leaf.id not in given)


@once
def moved_by_hand(trace: Trace) -> frozenset[int]:
    """Leaves without a gradient whose value changed between steps of the optimizer that holds them.

    Target networks and running averages of weights are such, held by an optimizer that was given all parameters.
    """
    found: set[int] = set()
    left: dict[tuple[int, int], Number | None] = {}
    for step in trace.steps:
        for change in step.changes:
            if change.has_gradient is not False:
                continue
            before = left.get((step.optimizer, change.leaf))
            if before is not None and change.before is not None and before != change.before:
                found.add(change.leaf)
            left[step.optimizer, change.leaf] = change.after
    return frozenset(found)


@once
def _targets(trace: Trace) -> frozenset[int]:
    """Leaves that began as copies of parameters that gradients train, and whose results a loss takes in as constants.

    A target network that is copied over every thousand steps is such.
    """
    constant = {
        leaf
        for cut in trace.cuts
        if cut.passes and cut.kind in {CutKind.NO_GRAD, CutKind.INFERENCE_MODE, CutKind.DETACH}
        for leaf in cut.leaves
    }
    given = received(trace)
    first: dict[int, tuple[Number | None, bool]] = {}
    for step in trace.steps:
        for change in step.changes:
            first.setdefault(change.leaf, (change.before, change.has_gradient is False))
    trained = {(trace.leaves[leaf].shape, norm) for leaf, (norm, _) in first.items() if norm and leaf in given}
    idle = [leaf for leaf, (_, is_idle) in first.items() if is_idle and leaf in constant and leaf not in given]
    copied = {leaf for leaf in idle if (trace.leaves[leaf].shape, first[leaf][0]) in trained}
    zeros = {leaf for leaf in idle if first[leaf][0] == 0} if copied else set()
    return frozenset(copied | zeros)


def orphans(trace: Trace) -> tuple[Leaf, ...]:
    """Parameters that get gradients while others are trained, and that no optimizer holds or program touches.

    A program that optimizes nothing but tensors of its own (an image, an attack) means to leave its model alone, and so
    does one that clears, changes or reads these gradients itself, that assigns `.grad` by hand, or that moves these
    parameters by hand.
    """
    owned = owners(trace)
    if any(event.kind == EventKind.GRAD_MODIFIED and event.is_assignment for event in trace.events):
        return ()
    trained = {leaf for event in trace.events if event.kind == EventKind.STEP for leaf in event.leaves}
    if not any(trace.leaves[leaf].kind == LeafKind.PARAMETER for leaf in trained):
        trained = set(owned)
    if not any(trace.leaves[leaf].kind == LeafKind.PARAMETER for leaf in trained):
        return ()
    touched = {
        leaf
        for event in trace.events
        if event.kind in {EventKind.GRAD_CLEARED, EventKind.GRAD_MODIFIED, EventKind.GRAD_READ}
        for leaf in event.leaves
    }
    touched.update(move.leaf for move in trace.moves if move.change)
    last_step: dict[int, int] = {}
    for event in trace.events:
        if event.kind == EventKind.STEP:
            last_step[event.process] = max(event.pass_index, last_step.get(event.process, 0))
    beside = {
        leaf for leaf, passes in received(trace).items() if last_step.get(passes[0].process, -1) >= passes[0].index
    }
    return tuple(leaf for leaf in trace.leaves if leaf.id in beside and leaf.id not in owned and leaf.id not in touched)


def is_named(leaf: Leaf) -> bool:
    """Whether a person would know the leaf by its name."""
    return leaf.name != f"leaf {leaf.id}" and not leaf.name.startswith("leaf ")


def called(leaves: Iterable[Leaf]) -> str:
    """`encoder.0.weight and 3 other leaves`: what a group of leaves is called in a sentence."""
    group = list(leaves)
    names = list(dict.fromkeys(leaf.name for leaf in group if is_named(leaf)))
    if not names:
        return f"{len(group)} unnamed parameters" if len(group) > 1 else "an unnamed parameter"
    if len(group) > _MAX_NAMES:
        prefix = _prefix(names) if len(names) == len(group) else ""
        return f"{prefix}.* ({len(group)} parameters)" if prefix else f"{names[0]} and {len(group) - 1} others"
    return " and ".join(names)


def _prefix(names: list[str]) -> str:
    """The module path that all names share."""
    common: list[str] = []
    for parts in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common)


def consumers(backward: BackwardPass, leaf: int) -> Iterator[int]:
    """The nodes of a pass that take in a leaf, not counting the transposition of a weight."""
    graph = backward.graph
    if graph is None:
        return
    sent, targets = adjacency(graph), _nodes_of(graph).get(leaf, [])
    sources: list[int] = []
    for _ in range(2):
        edges = sorted(position for target in targets for position in sent.arriving_at(target))
        sources = [graph.edges[position].source for position in edges]
        if all(graph.nodes[source].type != "TBackward0" for source in sources):
            break
        targets = list(dict.fromkeys(sources))
    yield from dict.fromkeys(sources)


@once
def _nodes_of(graph: Graph) -> dict[int, list[int]]:
    """By leaf: its nodes."""
    found: dict[int, list[int]] = {}
    for node in graph.nodes:
        if node.leaf is not None:
            found.setdefault(node.leaf, []).append(node.id)
    return found


def above(graph: Graph, node: int) -> set[int]:
    """The leaves that gradients reach through a node."""
    seen = reachable(graph, [node], adjacency(graph))
    return {leaf for one in seen if (leaf := graph.nodes[one].leaf) is not None}


@once
def zero_leaves(trace: Trace) -> set[int]:
    """Leaves that got contributions, all of them exact zeros."""
    norms: dict[int, list[float | None]] = {}
    for backward in trace.passes:
        for one in backward.accumulations:
            if one.contribution is not None:
                norms.setdefault(one.leaf, []).append(one.contribution.norm)
    return {leaf for leaf, found in norms.items() if all(norm == 0 for norm in found)}
