"""Whatever is folded, nothing is lost: leaves, roots and what reaches what."""

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from gradtrace.analysis import simplify as folding
from gradtrace.analysis.topology import forward_order, leaves, path_counts, reachable, roots
from gradtrace.analysis.view import View, item_of_node
from gradtrace.model import Edge, Graph, Location, Node, NodeOutput

OPS = ("Mul", "Add", "View", "Transpose", "Exp")
PATHS = (None, "net", "net.a", "net.layers.0", "net.layers.1", "net.layers.2.b", "other")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A program of straight-line steps, some of them in loops: what it computes becomes a graph."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    body = draw(
        st.lists(
            st.tuples(
                st.sampled_from(OPS),
                st.sampled_from(PATHS),
                st.lists(st.integers(1, 6), max_size=2),
                st.booleans(),
            ),
            min_size=1,
            max_size=6,
        )
    )
    shared = draw(st.lists(st.integers(0, 3), max_size=3))
    turns = draw(st.integers(1, 15))
    for leaf in range(4):
        nodes.append(_leaf(leaf, len(nodes)))
    for _ in range(turns):
        for line, (op, path, operands, has_leaf) in enumerate(body):
            node = len(nodes) + has_leaf
            targets = [node - has_leaf - operand for operand in operands if node - has_leaf - operand >= 4]
            targets = [target for target in targets if nodes[target].leaf is None]
            if has_leaf:
                nodes.append(_leaf(node - 1, node - 1))
                targets.append(node - 1)
            targets += [leaf for leaf in shared if (leaf + line) % 3 == 0]
            output = (NodeOutput(0, (2,), "float32"),)
            nodes.append(
                Node(node, f"{op}Backward0", op.lower(), module=path, location=Location("a.py", line), outputs=output)
            )
            edges.extend(Edge(node, target, slot) for slot, target in enumerate(targets))
    n_ops = sum(node.leaf is None for node in nodes)
    if draw(st.booleans()):
        order = iter(range(n_ops - 1, -1, -1))
        nodes = [
            node
            if node.leaf is not None
            else Node(
                node.id,
                node.type,
                node.op,
                module=node.module,
                location=node.location,
                outputs=node.outputs,
                order=next(order),
            )
            for node in nodes
        ]
    return Graph(tuple(nodes), tuple(edges))


def _leaf(leaf: int, node: int) -> Node:
    return Node(node, "AccumulateGrad", "leaf", f"w{leaf}", leaf=leaf, outputs=(NodeOutput(0, (2,), "float32"),))


views = st.fixed_dictionaries(
    {"depth": st.none() | st.integers(0, 3), "fold": st.booleans(), "max_items": st.sampled_from([3, 10, 1500])}
)


def view_of(graph: Graph, options: dict[str, int | bool | None]) -> View:
    """The view, with small graphs folded as large ones are."""
    with patch.object(folding, "SMALL", 0):
        return folding.simplify(graph, **options)  # type: ignore[arg-type]


def reached_items(view: View, start: int) -> set[int]:
    operands: dict[int, set[int]] = {}
    for edge in (*view.edges, *view.carried):
        operands.setdefault(edge.source, set()).add(edge.target)
    seen, stack = {start}, [start]
    while stack:
        for target in operands.get(stack.pop(), set()) - seen:
            seen.add(target)
            stack.append(target)
    return seen


@given(graphs(), views)
@settings(max_examples=150, deadline=None)
def test_a_view_keeps_nodes_edges_and_reachability(graph: Graph, options: dict[str, int | bool | None]) -> None:
    view = view_of(graph, options)
    assert sorted(node for item in view.items for node in item.nodes) == list(range(len(graph.nodes)))
    assert [item.id for item in view.items] == list(range(len(view.items)))
    assert all(len(item.nodes) % item.copies == 0 and item.copies % item.count == 0 for item in view.items)
    assert all(edge.target < edge.source for edge in view.edges)
    item_of = item_of_node(view)
    shown = [position for edge in (*view.edges, *view.carried) for position in edge.edges]
    assert len(set(shown)) == len(shown)
    hidden = set(range(len(graph.edges))) - set(shown)
    assert all(item_of[graph.edges[position].source] == item_of[graph.edges[position].target] for position in hidden)
    for root in roots(graph)[:3]:
        reached = {item_of[node] for node in reachable(graph, [root])}
        assert reached <= reached_items(view, item_of[root])


@given(graphs(), views)
@settings(max_examples=100, deadline=None)
def test_repeated_blocks_are_equal(graph: Graph, options: dict[str, int | bool | None]) -> None:
    """Node k of every block of an item is the same op at the same place in the source."""
    view = view_of(graph, options)
    for item in view.items:
        size = len(item.nodes) // item.copies
        for k in range(size):
            same = [graph.nodes[node] for node in item.nodes[k::size]]
            assert len({(node.type, node.location, node.leaf is None) for node in same}) == 1


@given(graphs(), views)
@settings(max_examples=50, deadline=None)
def test_the_same_graph_gives_the_same_view(graph: Graph, options: dict[str, int | bool | None]) -> None:
    assert view_of(graph, options) == view_of(graph, options)


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_forward_order_has_every_node_after_its_operands(graph: Graph) -> None:
    order = forward_order(graph)
    place = {node: position for position, node in enumerate(order)}
    assert sorted(order) == list(range(len(graph.nodes)))
    assert all(place[edge.target] < place[edge.source] for edge in graph.edges)


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_path_counts_add_up_over_the_edges(graph: Graph) -> None:
    """Paths to a leaf are those to its users, once for each edge."""
    everywhere = path_counts(graph, range(len(graph.nodes)))
    for leaf in leaves(graph):
        users = [edge.source for edge in graph.edges if edge.target == leaf]
        assert everywhere[leaf] == (sum(everywhere[user] for user in users) if users else 1)
    assert path_counts(graph) == {leaf: everywhere[leaf] for leaf in leaves(graph)}
