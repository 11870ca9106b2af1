"""By which ways a gradient comes from the roots of a pass to one place, and what each of them brings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gradtrace.analysis.topology import Adjacency, path_counts, reachable, towards_roots
from gradtrace.model import BackwardPass, Edge, Graph, TensorStats


@dataclass(frozen=True, slots=True)
class Way:
    """One of the edges at which the ways to a target part.

    Attributes:
        edge: position in `Graph.edges`.
        sent: the gradient that it brings; None when that is not known, or nothing came.
        source: the node that it leaves.
        n_paths: how many different paths from the roots go through it.
    """

    edge: int
    sent: TensorStats | None
    source: int
    n_paths: int


@dataclass(frozen=True, slots=True)
class Ways:
    """How a gradient comes to a target.

    Attributes:
        target: the node that is asked about.
        meeting: where the ways meet: the target, or the first node on the only way to it at which several edges arrive.
        trunk: nodes after the meeting, down to the target: every path goes through them.
        ways: the edges that arrive at the meeting, the largest gradient first; empty where the meeting is a root
            at which nothing but the pass itself begins.
        n_paths: how many different paths there are from the roots to the target, exactly.
        route: nodes from a root to the source of the largest way: at each, back along the edge that brought most.
    """

    target: int
    meeting: int
    trunk: tuple[int, ...]
    ways: tuple[Way, ...]
    n_paths: int
    route: tuple[int, ...] = ()


def ways(one: BackwardPass, target: int, output: int | None = None) -> Ways | None:
    """How the gradient came to a node; None without a graph, or where no path leads there.

    Args:
        one: the pass.
        target: id of the node.
        output: count only what arrives at this output of the node.
    """
    graph = one.graph
    if graph is None:
        return None
    adjacency = Adjacency(graph)
    starts = roots_of(one)
    alive = reachable(graph, starts, adjacency)
    if target not in alive:
        return None
    meeting, trunk = target, []
    arriving = _arriving(graph, adjacency, meeting, alive, output)
    while len(arriving) == 1 and meeting not in starts:
        meeting = graph.edges[arriving[0]].source
        trunk.append(meeting)
        arriving = _arriving(graph, adjacency, meeting, alive, None)
    nodes = [meeting, *(graph.edges[position].source for position in arriving)]
    counts = path_counts(graph, nodes, starts=starts, adjacency=adjacency)
    found = [
        Way(
            position,
            graph.edges[position].sent,
            graph.edges[position].source,
            counts[graph.edges[position].source],
        )
        for position in sorted(arriving, key=lambda position: (-size(graph.edges[position].sent), position))
    ]
    through = [target, *trunk][:-1] if trunk else []
    is_whole = output is None or meeting != target
    n_paths = counts[meeting] if is_whole else sum(way.n_paths for way in found) + (meeting in starts)
    largest = route(one, found[0].source, adjacency) if found else ()
    return Ways(target, meeting, tuple(reversed(through)), tuple(found), n_paths, largest)


def route(one: BackwardPass, node: int, adjacency: Adjacency | None = None) -> tuple[int, ...]:
    """Nodes from a root to this one; at each fan-in along the edge that brought the largest gradient."""
    graph = one.graph
    if graph is None:
        return (node,)
    adjacency = adjacency or Adjacency(graph)
    starts = roots_of(one)
    alive = reachable(graph, starts, adjacency)
    path = [node]
    while path[-1] not in starts:
        arriving = _arriving(graph, adjacency, path[-1], alive, None)
        if not arriving:
            break
        largest = max(arriving, key=lambda position: (size(graph.edges[position].sent), -position))
        path.append(graph.edges[largest].source)
    return tuple(reversed(path))


def roots_of(one: BackwardPass) -> frozenset[int]:
    """The nodes at which the pass begins."""
    return frozenset(root.node for root in one.roots if root.node is not None)


def size(stats: TensorStats | None) -> float:
    """How large a gradient is, for comparing; unknown ones and none are smallest, NaN is largest."""
    if stats is None or stats.norm is None:
        return -1.0
    return math.inf if math.isnan(stats.norm) else stats.norm


def is_zero(stats: TensorStats | None) -> bool:
    """Whether every element is known to be exactly zero."""
    if stats is None or stats.numel == 0:
        return False
    return stats.zero == stats.numel if stats.zero is not None else stats.norm == 0


def cancelled_at(one: BackwardPass, target: int) -> int | None:
    """The nearest node on the way to a target at which gradients arrived that add up to exactly zero."""
    graph = one.graph
    if graph is None:
        return None
    adjacency = Adjacency(graph)
    for node in towards_roots(graph, target, adjacency):
        arriving = [graph.edges[position] for position in adjacency.arriving_at(node)]
        for output in graph.nodes[node].outputs:
            brought = [edge.sent for edge in arriving if edge.output == output.index and edge.sent is not None]
            if is_zero(output.received) and sum(not is_zero(sent) for sent in brought) > 1:
                return node
    return None


def zeroed_by(one: BackwardPass, target: int) -> tuple[Edge, ...]:
    """The edges on the way to a target at which a gradient that was not zero became zero, or was not sent at all.

    The largest gradient that was lost comes first. Empty when the pass already began with zeros.
    """
    graph = one.graph
    if graph is None:
        return ()
    adjacency = Adjacency(graph)
    seen, stack, found = {target}, [target], []
    while stack:
        for position in adjacency.arriving_at(stack.pop()):
            edge = graph.edges[position]
            received = next((o.received for o in graph.nodes[edge.source].outputs if o.received is not None), None)
            if edge.sent is not None and not is_zero(edge.sent):
                continue  # this one brought something; a hook took it
            if received is not None and not is_zero(received):
                found.append((-size(received), position))
            elif edge.source not in seen:
                seen.add(edge.source)
                stack.append(edge.source)
    return tuple(graph.edges[position] for _, position in sorted(found))


def _arriving(graph: Graph, adjacency: Adjacency, node: int, alive: Iterable[int], output: int | None) -> list[int]:
    return [
        position
        for position in adjacency.arriving_at(node)
        if graph.edges[position].source in alive and (output is None or graph.edges[position].output == output)
    ]
