"""Where a graph begins and ends, its order, and what reaches what."""

from dataclasses import replace

import builders

from gradtrace.analysis.topology import (
    Adjacency,
    forward_order,
    leaves,
    path_counts,
    reachable,
    reaching,
    roots,
)
from gradtrace.model import Edge, Graph, Node


def graph_of(n: int, *edges: tuple[int, int], leaf: tuple[int, ...] = ()) -> Graph:
    """Ops 0 … n-1 with edges from consumer to producer; slots count up."""
    slots: dict[int, int] = {}
    made = []
    for source, target in sorted(edges, key=lambda edge: edge[0]):
        made.append(Edge(source, target, slots.get(source, 0)))
        slots[source] = slots.get(source, 0) + 1
    nodes = tuple(Node(i, "XBackward0", "x", leaf=i if i in leaf else None) for i in range(n))
    return Graph(nodes, tuple(made))


def test_roots_and_leaves() -> None:
    graph = builders.diamond()
    assert [graph.nodes[node].name for node in roots(graph)] == ["loss"]
    assert [graph.nodes[node].name for node in leaves(graph)] == ["x"]


def test_adjacency_lists_edges_in_order() -> None:
    adjacency = Adjacency(graph_of(3, (0, 1), (0, 1), (0, 2), (2, 1)))
    assert list(adjacency.sent_by(0)) == [0, 1, 2]
    assert list(adjacency.arriving_at(1)) == [0, 1, 3]
    assert list(adjacency.sent_by(1)) == []


def test_operands_come_first_in_the_order_of_their_slots() -> None:
    """`f(a) + g(b)` reads f(a), g(b), add when nothing is known of the engine's order."""
    add, f, g, a, b = range(5)
    graph = graph_of(5, (add, f), (add, g), (f, a), (g, b), leaf=(a, b))
    assert forward_order(graph) == [a, f, b, g, add]


def test_the_order_of_the_engine_turned_round_is_the_programs() -> None:
    """`g(b)` was computed before `f(a)`."""
    add, f, g, a, b = range(5)
    graph = graph_of(5, (add, f), (add, g), (f, a), (g, b), leaf=(a, b))
    orders = {add: 0, f: 1, a: 2, g: 3, b: 4}
    graph = Graph(tuple(replace(node, order=orders[node.id]) for node in graph.nodes), graph.edges)
    assert forward_order(graph) == [b, g, a, f, add]


def test_an_order_that_cannot_be_is_not_believed() -> None:
    graph = graph_of(2, (0, 1))
    graph = Graph(tuple(replace(node, order=1 - node.id) for node in graph.nodes), graph.edges)
    assert forward_order(graph) == [1, 0]


def test_a_leaf_stands_right_before_its_first_use() -> None:
    graph = builders.product_trace().passes[0].graph
    assert graph is not None
    assert [graph.nodes[node].name or graph.nodes[node].op for node in forward_order(graph)] == ["w", "mul", "y", "mul"]


def test_long_chains_need_no_recursion() -> None:
    graph = graph_of(200_000, *((i, i + 1) for i in range(199_999)))
    assert forward_order(graph) == list(range(199_999, -1, -1))
    assert len(reachable(graph, [0])) == 200_000
    assert path_counts(graph, [199_999]) == {199_999: 1}


def test_reachable_and_reaching() -> None:
    graph = graph_of(5, (0, 1), (0, 2), (1, 3), (4, 3))
    assert reachable(graph, [1]) == {1, 3}
    assert reachable(graph, [0]) == {0, 1, 2, 3}
    assert reaching(graph, [3]) == {0, 1, 3, 4}


def test_paths_are_counted_not_listed() -> None:
    """Every squaring doubles the paths; two edges to one node are two paths."""
    n = 200
    graph = graph_of(n + 1, *((i, i + 1) for i in range(n) for _ in range(2)), leaf=(n,))
    assert path_counts(graph) == {n: 2**n}


def test_paths_from_chosen_starts() -> None:
    graph = graph_of(4, (0, 1), (1, 3), (2, 3), (0, 3), leaf=(3,))
    assert path_counts(graph) == {3: 3}
    assert path_counts(graph, starts=[1]) == {3: 1}
    assert path_counts(graph, [1, 3], starts=[0, 1]) == {1: 2, 3: 3}
