"""What a view shows of a graph, and what it folds."""

from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.simplify import simplify
from gradtrace.analysis.view import Item, View, item_of_node, leaf_uses
from gradtrace.model import Edge, Graph, Location, Node, NodeOutput


def kinds(view: View) -> list[str]:
    return [f"{item.kind} {item.label} ×{item.count}" for item in view.items]


def around(view: View, item: Item) -> list[str]:
    """Labels of the groups around an item, outermost first."""
    labels, group = [], item.group
    while group is not None:
        labels.insert(0, f"{view.groups[group].label} ×{view.groups[group].count}")
        group = view.groups[group].parent
    return labels


def test_a_small_graph_is_shown_node_by_node_in_forward_order() -> None:
    """Leaves stand before their first use, and a leaf that is used twice is one item."""
    view = simplify(builders.product_trace().passes[0].graph)
    assert kinds(view) == ["leaf w ×1", "node mul ×1", "leaf y ×1", "node mul ×1"]
    assert [(edge.source, edge.target, len(edge.edges)) for edge in view.edges] == [(1, 0, 2), (3, 1, 1), (3, 2, 1)]
    assert view.notes == ()


def test_equal_modules_are_one_group_whose_items_stand_for_all() -> None:
    view = simplify(builders.module_net(12))
    assert [(group.label, group.module_type, group.count) for group in view.groups if group.count > 1] == [
        ("layers.0 … 11", "Block", 12)
    ]
    weight = view.items[4]
    assert weight.label == "net.layers.*.fc0.weight"
    assert (weight.count, weight.copies, len(weight.nodes)) == (1, 12, 12)
    assert around(view, weight) == ["net ×1", "layers.0 … 11 ×12", "fc0 ×1"]
    names = [view.graph.nodes[node].name for node in weight.nodes]
    assert names == [f"net.layers.{layer}.fc0.weight" for layer in range(12)]
    assert view.notes == ("repetitions are drawn once: layers.0 … 11 ×12; --no-fold draws each",)


def test_what_goes_from_layer_to_layer_is_kept_apart() -> None:
    """A view stays without cycles although each layer's output feeds the next."""
    view = simplify(builders.module_net(12))
    assert all(edge.target < edge.source for edge in view.edges)
    assert [(view.items[edge.source].label, view.items[edge.target].label) for edge in view.carried] == [
        ("addmm", "add"),
        ("add", "add"),
    ]
    assert all(len(edge.edges) == 11 for edge in view.carried)


def test_depth_closes_modules_below_it() -> None:
    assert kinds(simplify(builders.module_net(12), depth=0)) == ["module net ×1", "node sum ×1"]
    assert kinds(simplify(builders.module_net(12), depth=1)) == [
        "module embed ×1",
        "module layers ×1",
        "module head ×1",
        "node sum ×1",
    ]
    folded = simplify(builders.module_net(12), depth=2)
    assert "module layers.0 … 11 ×12" in kinds(folded)
    assert folded.notes[-1] == "12 modules are closed (--depth 2); --depth 3 opens a level"


def test_a_closed_module_knows_its_path_type_and_blocks() -> None:
    view = simplify(builders.module_net(12), depth=2)
    layers = next(item for item in view.items if item.kind == "module")
    assert (layers.path, layers.module_type) == ("net.layers.0", "Block")
    first_block = layers.nodes[: len(layers.nodes) // layers.copies]
    assert {view.graph.nodes[node].name for node in first_block if view.graph.nodes[node].leaf is not None} == {
        f"net.layers.0.fc{j}.{name}" for j in range(2) for name in ("weight", "bias")
    }


def test_without_folding_every_node_is_an_item() -> None:
    graph = builders.module_net(12)
    view = simplify(graph, fold=False, max_items=5)
    assert len(view.items) == len(graph.nodes)
    assert view.notes == ()
    assert not view.carried


def test_without_folding_depth_still_closes() -> None:
    assert kinds(simplify(builders.module_net(12), fold=False, depth=0)) == ["module net ×1", "node sum ×1"]


def test_a_long_loop_is_one_item() -> None:
    view = simplify(builders.chain(1000))
    assert kinds(view) == ["leaf x ×1", "repeat neg ×1000"]


def loop(n: int, *, odd: frozenset[int] = frozenset(), lines: bool = True) -> Graph:
    """`h = tanh(h @ w + u)` n times: a shared leaf `w`, a leaf of its own in each iteration; `odd` turns use sin."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    scalar = (NodeOutput(0, (), "float32"),)

    def add(op: str, line: int, *operands: int) -> int:
        node = len(nodes)
        place = Location("train.py", line) if lines else None
        nodes.append(Node(node, f"{op.title()}Backward0", op, location=place, outputs=scalar))
        edges.extend(Edge(node, operand, slot) for slot, operand in enumerate(operands))
        return node

    def leaf(name: str) -> int:
        nodes.append(Node(len(nodes), "AccumulateGrad", "leaf", name, leaf=len(nodes), outputs=scalar))
        return len(nodes) - 1

    w = leaf("w")
    h = leaf("h")
    for turn in range(n):
        h = add("sin" if turn in odd else "tanh", 6, add("add", 5, add("mm", 4, h, w), leaf(f"u{turn}")))
    edges.sort(key=lambda edge: (edge.source, edge.slot))
    return Graph(tuple(nodes), tuple(edges))


def test_iterations_are_one_group_and_shared_leaves_stand_before_it() -> None:
    view = simplify(loop(100))
    assert [(group.label, group.kind, group.count) for group in view.groups] == [("train.py:4-6", "loop", 100)]
    assert kinds(view) == ["leaf h ×1", "leaf w ×1", "node mm ×1", "leaf * ×1", "node add ×1", "node tanh ×1"]
    assert [(view.items[e.source].label, view.items[e.target].label, len(e.edges)) for e in view.carried] == [
        ("mm", "tanh", 99)
    ]


def test_loops_stand_in_loops() -> None:
    """Four layers of ten steps: an inner item stands for forty nodes, layer by layer."""
    nodes = [Node(0, "CosBackward0", "cos")]
    for layer in range(4):
        for _ in range(10):
            for line, op in ((4, "exp"), (5, "sin")):
                place = Location("a.py", line)
                nodes.append(
                    Node(
                        len(nodes), f"{op.title()}Backward0", op, module=f"net.{layer}", module_type="L", location=place
                    )
                )
        nodes.append(Node(len(nodes), "AddBackward0", "add", module=f"net.{layer}", module_type="L"))
    view = simplify(Graph(tuple(nodes), tuple(Edge(i, i - 1, 0) for i in range(1, len(nodes)))))
    assert [(group.label, group.kind, group.count) for group in view.groups] == [
        ("net.0 … 3", "module", 4),
        ("a.py:4-5", "loop", 10),
    ]
    _, exp, sin, add = view.items
    assert (exp.label, exp.count, exp.copies, exp.nodes[:2], exp.nodes[10]) == ("exp", 1, 40, (1, 3), 22)
    assert (sin.copies, add.copies) == (40, 4)
    carried = {(view.items[e.source].label, view.items[e.target].label): len(e.edges) for e in view.carried}
    assert carried == {("exp", "sin"): 36, ("exp", "add"): 3}


def test_an_iteration_that_differs_is_shown_by_itself() -> None:
    view = simplify(loop(100, odd=frozenset({40})))
    assert [group.count for group in view.groups] == [40, 59]
    assert [item.label for item in view.items if item.group is None][2:] == ["mm", "u40", "add", "sin"]


def test_a_gradient_that_is_not_finite_is_not_folded_away() -> None:
    """The layer where NaN appears is a border between repetitions."""
    graph = loop(100)
    nan = builders.stats(builders.scalar(float("nan")))
    bad = [node for node in graph.nodes if node.op == "tanh"][49]
    nodes = list(graph.nodes)
    nodes[bad.id] = replace(bad, outputs=(NodeOutput(0, (), "float32", received=nan),))
    view = simplify(Graph(tuple(nodes), graph.edges))
    assert [group.count for group in view.groups] == [49, 50]


def test_runs_of_views_are_one_item_in_large_graphs() -> None:
    nodes: list[Node] = []
    edges: list[Edge] = []
    for turn in range(20):
        for op in ("View", "Permute", "Exp" if turn % 3 else "Sin"):
            if nodes:
                edges.append(Edge(len(nodes), len(nodes) - 1, 0))
            nodes.append(Node(len(nodes), f"{op}Backward0", op.lower(), location=Location("a.py", len(nodes) + 1)))
    view = simplify(Graph(tuple(nodes), tuple(edges)))
    assert kinds(view)[:2] == ["chain view, permute ×1", "node sin ×1"]
    assert len(view.items) == 40
    assert view.notes == ("runs of views and casts are drawn as one; --no-fold draws each",)


def test_too_many_items_are_folded_by_module_depth_first() -> None:
    graph = builders.module_net(12)
    view = simplify(graph, max_items=12)
    assert len(view.items) == 10
    assert view.notes[-1] == "12 modules are closed to fit (--depth 2); --depth 3 opens a level"


def test_then_loops_are_closed() -> None:
    view = simplify(loop(100), max_items=4)
    assert kinds(view) == ["leaf h ×1", "leaf w ×1", "repeat train.py:4-6 ×100"]


def test_at_last_neighbours_are_shown_as_one() -> None:
    """A graph without modules or repetitions fits too."""
    graph = loop(300, odd=frozenset(turn * (turn + 1) // 2 for turn in range(25)))
    view = simplify(graph, max_items=10)
    assert len(view.items) <= 10
    assert sorted(node for item in view.items for node in item.nodes) == list(range(len(graph.nodes)))
    assert "neighbouring ops are drawn as one, because there are so many; --no-fold draws each" in view.notes


@pytest.mark.parametrize("options", [{}, {"depth": 2}, {"fold": False}, {"max_items": 3}])
def test_every_node_is_in_exactly_one_item(options: dict[str, int | bool]) -> None:
    graph = builders.module_net(12)
    view = simplify(graph, **options)
    assert sorted(node for item in view.items for node in item.nodes) == list(range(len(graph.nodes)))
    assert all(item_of_node(view)[node] == item.id for item in view.items for node in item.nodes)


def test_leaf_uses_lists_the_edges_into_each_leaf() -> None:
    view = simplify(builders.product_trace().passes[0].graph)
    assert {view.items[leaf].label: [use.source for use in uses] for leaf, uses in leaf_uses(view).items()} == {
        "w": [1],
        "y": [3],
    }


def test_a_module_that_is_called_twice_has_a_group_for_each_call() -> None:
    nodes = [
        Node(0, "ExpBackward0", "exp", module="net"),
        Node(1, "SinBackward0", "sin"),
        Node(2, "ExpBackward0", "exp", module="net"),
    ]
    view = simplify(Graph(tuple(nodes), (Edge(1, 0, 0), Edge(2, 1, 0))))
    assert [group.path for group in view.groups] == ["net", "net"]


def test_deeply_nested_and_strange_paths_are_harmless() -> None:
    path = ".".join(f"m{i}" for i in range(5000))
    nodes = (Node(0, "ExpBackward0", "exp", module=path), Node(1, "ExpBackward0", "exp", module="..."))
    view = simplify(Graph(nodes, (Edge(1, 0, 0),)))
    assert len(view.items) == 2


def test_an_empty_graph_has_an_empty_view() -> None:
    assert simplify(Graph((), ())).items == ()
