"""Where gradients become zero, vanish or explode although they are finite: measured against what arrives."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from gradtrace.analysis.topology import reachable, roots
from gradtrace.diagnosis.evidence.iterations import n_rounds
from gradtrace.diagnosis.evidence.shapes import adjacency, arriving, full, numel, outgoing
from gradtrace.formulas import traits
from gradtrace.formulas.trait_kinds import Traits
from gradtrace.model import BackwardPass, Graph, Leaf, Node, SavedTensor, TensorStats, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_GROWTH = 1e6
_VANISHED = 1e-6
_DEEP = 4
_LONG = 8
_MOST = 0.9

NEEDS = (need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.LEAVES, Statistic.NORM))
"""Of rules that ask for `blocked`."""

ZERO_WEIGHTS = need(Tensors.SAVED, Statistic.ALL_ZERO, ops=traits.products(), names=traits.second_factors())
"""Of rules that ask for `zero_weights`."""

Place = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A place where everything that arrives is sent on as zero, in every pass, and the leaves that get zero for it."""

    node: Node
    backward: BackwardPass
    leaves: tuple[Leaf, ...]


def blocked(
    trace: Trace,
    is_kind: Callable[[Traits], bool],
    fewest: int = 2,
    is_meant: Callable[[Graph, Node], bool] = lambda _graph, _node: True,
) -> tuple[Blocked, ...]:
    """Places whose nodes of a kind send zeros in every recorded pass (`fewest` at least) to starving leaves."""
    open_: set[Place] = set()
    found: dict[Place, list[tuple[Node, BackwardPass, Graph]]] = {}
    for backward, graph in full(trace):
        if backward.error is not None or not _is_alive(backward):
            continue
        sent = _sent(graph)
        for node in graph.nodes:
            if node.order is None or not is_kind(traits.of(node)) or not is_meant(graph, node):
                continue
            place = _place(node)
            if _is_zeroed(node, sent.get(node.id, [])):
                found.setdefault(place, []).append((node, backward, graph))
            else:
                open_.add(place)
    result = []
    for place, nodes in found.items():
        node, backward, _ = nodes[0]
        leaves = _always_starved(trace, nodes) if place not in open_ else ()
        if leaves and n_rounds(trace, (one.index for _, one, _ in nodes)) >= fewest:
            result.append(Blocked(node, backward, leaves))
    return tuple(result)


def _is_alive(backward: BackwardPass) -> bool:
    """A pass that begins with a gradient other than zero."""
    return any(root.gradient is None or root.gradient.norm != 0 for root in backward.roots)


def _place(node: Node) -> Place:
    location = node.location
    return (node.type, location.file if location else "", location.line if location else 0, node.module or "")


def _sent(graph: Graph) -> dict[int, list[TensorStats]]:
    found: dict[int, list[TensorStats]] = {}
    for edge in graph.edges:
        if edge.sent is not None:
            found.setdefault(edge.source, []).append(edge.sent)
    return found


def _is_zeroed(node: Node, sent: list[TensorStats]) -> bool:
    received = node.received
    return (received is not None and received.norm is not None and received.norm > 0 and bool(sent)) and all(
        stats.norm == 0 and stats.numel for stats in sent
    )


def _starved(trace: Trace, backward: BackwardPass, graph: Graph, *nodes: Node) -> tuple[Leaf, ...]:
    """Leaves below nodes whose whole contribution is zero."""
    ids = {graph.nodes[one].leaf for one in reachable(graph, [node.id for node in nodes], adjacency(graph))}
    return tuple(
        trace.leaves[one.leaf]
        for one in backward.accumulations
        if one.leaf in ids and one.contribution is not None and one.contribution.norm == 0
    )


def _always_starved(trace: Trace, nodes: list[tuple[Node, BackwardPass, Graph]]) -> tuple[Leaf, ...]:
    """Leaves below the nodes of a place whose whole contribution is zero in every pass of these."""
    starved: dict[int, Leaf] | None = None
    for _, of_pass in groupby(nodes, key=lambda one: one[1].index):
        together = list(of_pass)  # one walk for all: a recurrence has a thousand nodes of one place
        _, backward, graph = together[0]
        here = {leaf.id: leaf for leaf in _starved(trace, backward, graph, *(node for node, _, _ in together))}
        starved = here if starved is None else {leaf: one for leaf, one in starved.items() if leaf in here}
        if not starved:
            break
    return tuple((starved or {}).values())


def zero_weights(trace: Trace) -> Iterator[Blocked]:
    """Products with a weight of nothing but zeros, through which nothing reaches what lies below, in every pass."""
    found: dict[Place, list[tuple[Node, BackwardPass, Graph]]] = {}
    passes = [backward.index for backward, _ in full(trace)]
    for backward, graph in full(trace):
        for node in graph.nodes:
            if traits.of(node).is_product and _has_zero_weight(node) and _sends_zero(graph, node):
                found.setdefault(_place(node), []).append((node, backward, graph))
    for nodes in found.values():
        node, backward, graph = nodes[0]
        leaves = _starved(trace, backward, graph, node)
        if leaves and len(nodes) >= len(passes) and n_rounds(trace, passes) >= _FEWEST:
            yield Blocked(node, backward, leaves)


_FEWEST = 3
"""A weight that starts at zero on purpose has moved by then."""


def _has_zero_weight(node: Node) -> bool:
    """The second factor of a product is zero: what it multiplies gets no gradient."""
    _, second = traits.of(node).factors
    return any(saved.name == second and _is_zero(saved) for saved in node.saved)


def _is_zero(saved: SavedTensor) -> bool:
    if saved.stats is not None:
        return saved.stats.numel > 0 and saved.stats.zero == saved.stats.numel
    return saved.value is not None and saved.value != [] and set(_flat(saved.value)) == {0}


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def _sends_zero(graph: Graph, node: Node) -> bool:
    received = node.received
    first, _ = traits.of(node).factors
    sent = [edge.sent for edge in outgoing(graph, node) if edge.input == first and edge.sent is not None]
    return bool(received is not None and received.norm) and any(stats.norm == 0 for stats in sent)


def underflown(trace: Trace) -> Iterator[tuple[BackwardPass, Node]]:
    """Nodes that turn a gradient into zeros of half precision, where the operation itself would not."""
    for backward, graph in full(trace):
        for edge in graph.edges:
            node = graph.nodes[edge.source]
            received, sent = node.received, edge.sent
            if (
                sent is not None
                and sent.dtype == "float16"
                and sent.norm == 0
                and received is not None
                and received.norm
                and received.max is not None
                and received.min is not None
                and traits.of(node).shrinks
                and max(abs(received.max), abs(received.min)) < _TINY
            ):
                yield backward, node
                return


_TINY = 1e-4
"""Gradients below this are in danger in half precision, whose smallest number is 6e-8."""


def growing(trace: Trace) -> Iterator[tuple[BackwardPass, Node, float, int]]:
    """Lines that a gradient passes again and again, growing each time: a node, the growth, and how often."""
    told: set[Place] = set()
    for backward, graph in full(trace):
        steps: dict[Place, list[Node]] = {}
        for node in sorted(graph.nodes, key=lambda one: -1 if one.order is None else one.order):
            if _is_step(traits.of(node)) and node.received is not None:
                steps.setdefault(_place(node), []).append(node)
        for place, nodes in steps.items():
            norms = [one.received.norm for one in nodes if one.received is not None and one.received.norm]
            growth = _growth(norms)
            if growth > _GROWTH and place not in told:
                told.add(place)
                yield backward, nodes[0], growth, len(norms)


def _is_step(op: Traits) -> bool:
    """Whether a recurrence is made of such ops."""
    return op.is_product or op.is_scaling or op.is_addition or op.is_saturating


def _growth(norms: list[float]) -> float:
    """How much a chain grows in all, if it grows at nearly every step; infinite norms count as grown."""
    if len(norms) < _LONG or not math.isfinite(norms[0]):
        return 0.0
    rising = sum(1 for one, other in pairwise(norms) if other > one or not math.isfinite(other))
    if rising < _MOST * (len(norms) - 1):
        return 0.0
    last = next((one for one in reversed(norms) if math.isfinite(one)), norms[0])
    return last / norms[0]


def vanished(trace: Trace) -> Iterator[tuple[BackwardPass, Node, Leaf, Leaf, float]]:
    """Deep stacks of sigmoid or tanh below which hardly anything arrives: the last pass, a node, two leaves, the ratio.

    Gradients are compared by their root mean square, between leaves that are used once.
    """
    passes = [(backward, graph) for backward, graph in full(trace) if backward.error is None]
    found = [_vanished(trace, backward, graph) for backward, graph in passes]
    if found and all(one is not None for one in found):
        last = found[-1]
        if last is not None:
            yield last


def _vanished(
    trace: Trace, backward: BackwardPass, graph: Graph
) -> tuple[BackwardPass, Node, Leaf, Leaf, float] | None:
    depth = _depths(graph)
    leaves = {node.leaf: node for node in graph.nodes if node.leaf is not None}
    sizes: dict[int, tuple[int, float]] = {}
    for one in backward.accumulations:
        stats = one.contribution
        node = leaves.get(one.leaf)
        if stats is None or stats.norm is None or not stats.numel or node is None or len(arriving(graph, node)) != 1:
            continue
        if node.id in depth and len(stats.shape) > 1:
            sizes[one.leaf] = (depth[node.id], stats.norm / math.sqrt(stats.numel))
    if len(sizes) < _DEEP:
        return None
    deep = max(sizes, key=lambda leaf: sizes[leaf][0])
    shallow = min(sizes, key=lambda leaf: sizes[leaf][0])
    if sizes[deep][0] - sizes[shallow][0] < _DEEP or not sizes[shallow][1] or not math.isfinite(sizes[shallow][1]):
        return None
    ratio = sizes[deep][1] / sizes[shallow][1]
    if not 0 < ratio < _VANISHED:
        return None
    nodes = [node for node in graph.nodes if traits.of(node).is_saturating and node.id in depth]
    lowest = max(nodes, key=lambda node: depth[node.id])
    return backward, lowest, trace.leaves[deep], trace.leaves[shallow], ratio


def _depths(graph: Graph) -> dict[int, int]:
    """By node: through how many saturating activations the shortest way from a root leads, at least.

    A way costs nothing or one a node, so what is nearest is looked at first, and each node once.
    """
    sent = adjacency(graph)
    depth = dict.fromkeys(roots(graph), 0)
    waiting, done = deque(depth), bytearray(len(graph.nodes))
    while waiting:
        one = waiting.popleft()
        if done[one]:
            continue
        done[one] = 1
        is_saturating = traits.of(graph.nodes[one]).is_saturating and numel(graph.nodes[one].shape) > 1
        cost = depth[one] + int(is_saturating)
        for position in sent.sent_by(one):
            target = graph.edges[position].target
            if not done[target] and cost < depth.get(target, cost + 1):
                depth[target] = cost
                (waiting.append if is_saturating else waiting.appendleft)(target)
    return depth
