"""Where a graph begins and ends, in which order its program ran, and what reaches what."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate

from gradtrace.model import Graph


class Adjacency:
    """The edges of a graph by node, as flat arrays: a list for each of a million nodes would not fit."""

    def __init__(self, graph: Graph) -> None:
        n_nodes = len(graph.nodes)
        self._sent_starts, self._sent = _by_node([edge.source for edge in graph.edges], n_nodes)
        self._arriving_starts, self._arriving = _by_node([edge.target for edge in graph.edges], n_nodes)

    def sent_by(self, node: int) -> array[int]:
        """Positions in `Graph.edges` of the edges that leave the node, by slot: its operands."""
        return self._sent[self._sent_starts[node] : self._sent_starts[node + 1]]

    def arriving_at(self, node: int) -> array[int]:
        """Positions in `Graph.edges` of the edges that arrive at the node: its uses."""
        return self._arriving[self._arriving_starts[node] : self._arriving_starts[node + 1]]


def _by_node(ends: list[int], n_nodes: int) -> tuple[array[int], array[int]]:
    """Sort edge positions by the node at one end, keeping their order (a counting sort)."""
    sizes = array("l", bytes(array("l").itemsize * (n_nodes + 1)))
    for end in ends:
        sizes[end + 1] += 1
    starts = array("l", accumulate(sizes))
    free = starts[:]
    edges = array("l", bytes(array("l").itemsize * len(ends)))
    for edge, end in enumerate(ends):
        edges[free[end]] = edge
        free[end] += 1
    return starts, edges


def roots(graph: Graph) -> tuple[int, ...]:
    """Nodes at which no edge arrives, in order of discovery. A pass may start elsewhere too: `BackwardPass.roots`."""
    fed = bytearray(len(graph.nodes))
    for edge in graph.edges:
        fed[edge.target] = 1
    return tuple(node for node, is_fed in enumerate(fed) if not is_fed)


def leaves(graph: Graph) -> tuple[int, ...]:
    """The AccumulateGrad nodes, in order of discovery."""
    return tuple(node.id for node in graph.nodes if node.leaf is not None)


def forward_order(graph: Graph, adjacency: Adjacency | None = None) -> list[int]:
    """All nodes, producers before consumers, as the program would have computed them.

    The engine runs a backward pass in the opposite order of the forward pass, so its order, turned round, is the
    program's. Where nodes were not run, operands come first, in the order of their slots. Leaves, which the program
    made at some other time, stand right before their first use.
    """
    adjacency = adjacency or Adjacency(graph)
    order = _executed_order(graph)
    if order is None:
        order = _operands_first(graph, adjacency)
    return _with_leaves(graph, adjacency, order)


def _executed_order(graph: Graph) -> list[int] | None:
    """Nodes other than leaves in the opposite of the engine's order; None where that is not known or no order."""
    ran = [(node.order, node.id) for node in graph.nodes if node.leaf is None and node.order is not None]
    if len(ran) != sum(node.leaf is None for node in graph.nodes):
        return None
    ran.sort(reverse=True)
    order = [node for _, node in ran]
    position = [-1] * len(graph.nodes)
    for place, node in enumerate(order):
        position[node] = place
    if any(position[edge.target] >= position[edge.source] for edge in graph.edges):
        return None
    return order


def _operands_first(graph: Graph, adjacency: Adjacency) -> list[int]:
    """Nodes other than leaves, each after its operands, from every root in turn."""
    order: list[int] = []
    is_seen = bytearray(len(graph.nodes))
    for root in (*roots(graph), *range(len(graph.nodes))):
        if is_seen[root] or graph.nodes[root].leaf is not None:
            continue
        is_seen[root] = 1
        stack = [(root, iter(adjacency.sent_by(root)))]
        while stack:
            node, operands = stack[-1]
            for edge in operands:
                operand = graph.edges[edge].target
                if not is_seen[operand] and graph.nodes[operand].leaf is None:
                    is_seen[operand] = 1
                    stack.append((operand, iter(adjacency.sent_by(operand))))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def _with_leaves(graph: Graph, adjacency: Adjacency, order: list[int]) -> list[int]:
    """Put each leaf right before its first use; a leaf that nothing uses comes last."""
    full: list[int] = []
    is_placed = bytearray(len(graph.nodes))
    for node in order:
        for edge in adjacency.sent_by(node):
            operand = graph.edges[edge].target
            if not is_placed[operand] and graph.nodes[operand].leaf is not None:
                is_placed[operand] = 1
                full.append(operand)
        is_placed[node] = 1
        full.append(node)
    full.extend(node.id for node in graph.nodes if not is_placed[node.id])
    return full


def towards_roots(graph: Graph, node: int, adjacency: Adjacency | None = None) -> Iterator[int]:
    """A node, then those from which a gradient comes to it, the nearest first."""
    adjacency = adjacency or Adjacency(graph)
    wanted, seen = [node], {node}
    for each in wanted:  # grows while it is walked
        yield each
        for position in adjacency.arriving_at(each):
            source = graph.edges[position].source
            if source not in seen:
                seen.add(source)
                wanted.append(source)


def reachable(graph: Graph, starts: Iterable[int], adjacency: Adjacency | None = None) -> set[int]:
    """The nodes that a gradient which begins at `starts` can come to, `starts` included."""
    adjacency = adjacency or Adjacency(graph)
    seen = set(starts)
    stack = sorted(seen)
    while stack:
        for edge in adjacency.sent_by(stack.pop()):
            target = graph.edges[edge].target
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return seen


def reaching(graph: Graph, targets: Iterable[int], adjacency: Adjacency | None = None) -> set[int]:
    """The nodes from which a gradient can come to one of `targets`, these included."""
    adjacency = adjacency or Adjacency(graph)
    seen = set(targets)
    stack = sorted(seen)
    while stack:
        for edge in adjacency.arriving_at(stack.pop()):
            source = graph.edges[edge].source
            if source not in seen:
                seen.add(source)
                stack.append(source)
    return seen


def path_counts(
    graph: Graph,
    targets: Iterable[int] | None = None,
    *,
    starts: Iterable[int] | None = None,
    adjacency: Adjacency | None = None,
) -> dict[int, int]:
    """How many different paths lead from the roots to each target, exactly.

    Args:
        graph: the graph; `b * b` gives two paths, for its two edges.
        targets: nodes to answer for; the leaves when None.
        starts: where paths begin; the graph's roots when None.
        adjacency: the graph's, when it is at hand.
    """
    adjacency = adjacency or Adjacency(graph)
    wanted = dict.fromkeys(leaves(graph) if targets is None else targets, 0)
    # A count can have as many digits as the graph has nodes, so each is forgotten once it was passed on.
    counts = dict.fromkeys(roots(graph) if starts is None else starts, 1)
    for node in reversed(forward_order(graph, adjacency)):
        count = counts.pop(node, 0)
        if node in wanted:
            wanted[node] = count
        if count:
            for edge in adjacency.sent_by(node):
                target = graph.edges[edge].target
                counts[target] = counts.get(target, 0) + count
    return wanted


def is_acyclic(graph: Graph) -> bool:
    """Whether no node is reached from itself, as it must be; where nodes were joined it need not."""
    n_waiting = [0] * len(graph.nodes)
    for edge in graph.edges:
        n_waiting[edge.target] += 1
    adjacency = Adjacency(graph)
    ready = [node for node, n in enumerate(n_waiting) if not n]
    n_done = 0
    while ready:
        n_done += 1
        for position in adjacency.sent_by(ready.pop()):
            target = graph.edges[position].target
            n_waiting[target] -= 1
            if not n_waiting[target]:
                ready.append(target)
    return n_done == len(graph.nodes)
