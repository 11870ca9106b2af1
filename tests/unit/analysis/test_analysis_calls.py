"""Graphs in the words of the program."""

from gradtrace.analysis.calls import by_call, called
from gradtrace.model import BackwardPass, Edge, Graph, Location, Node, NodeOutput, PassCall, Recorded, Root, TensorStats


def _node(number: int, kind: str, op: str, call: str | None, call_number: int | None, **fields: object) -> Node:
    outputs = (NodeOutput(0, (2,), "float32"),)
    return Node(number, kind, op, call=call, call_number=call_number, outputs=outputs, order=number, **fields)  # type: ignore[arg-type]


def _pass(nodes: list[Node], edges: list[Edge]) -> BackwardPass:
    return BackwardPass(
        index=1,
        call=PassCall.TENSOR_BACKWARD,
        location=None,
        roots=(Root(node=0, name="loss", value=None),),
        retain_graph=False,
        create_graph=False,
        recorded=Recorded.FULL,
        graph=Graph(tuple(nodes), tuple(edges)),
    )


def _linear_and_loss() -> BackwardPass:
    """`cross_entropy(linear(x, w, b))`, where `x` has a graph, too."""
    nodes = [
        _node(0, "NllLossBackward0", "nll_loss", "cross_entropy", 1, name="loss"),
        _node(1, "LogSoftmaxBackward0", "log_softmax", "cross_entropy", 1),
        _node(2, "AddmmBackward0", "addmm", "linear", 2, module="fc"),
        Node(3, "AccumulateGrad", "leaf", name="fc.bias", module="fc", leaf=0, order=3),
        _node(4, "ExpBackward0", "exp", "exp", 3),
        _node(5, "TBackward0", "t", "linear", 2, module="fc"),
        Node(6, "AccumulateGrad", "leaf", name="fc.weight", module="fc", leaf=1, order=6),
        Node(7, "AccumulateGrad", "leaf", name="x", leaf=2, order=7),
    ]
    sent = TensorStats((2,), "float32", 2, norm=3.0)
    edges = [
        Edge(0, 1, 0, input="self"),
        Edge(1, 2, 0, input="self"),
        Edge(2, 3, 0, input="self"),
        Edge(2, 4, 1, input="mat1"),
        Edge(2, 5, 2, input="mat2"),
        Edge(4, 7, 0, input="self"),
        Edge(5, 6, 0, input="self", sent=sent),
    ]
    return _pass(nodes, edges)


def test_what_one_call_made_is_one_node() -> None:
    """With the edges that leave it, their numbers, and what they lead to."""
    one = by_call(_linear_and_loss())

    assert one.graph is not None
    ops = {node.id: node.op for node in one.graph.nodes}
    assert list(ops.values()) == ["cross_entropy", "linear", "leaf", "exp", "leaf", "leaf"]
    assert [(ops[edge.source], ops[edge.target], edge.input) for edge in one.graph.edges] == [
        ("cross_entropy", "linear", ""),
        ("linear", "leaf", "addmm:self"),
        ("linear", "exp", "addmm:mat1"),
        ("linear", "leaf", "addmm:mat2"),
        ("exp", "leaf", "self"),
    ]
    assert one.graph.nodes[0].name == "loss"
    assert one.graph.nodes[1].type == "TBackward0 AddmmBackward0"
    assert [edge.sent.norm for edge in one.graph.edges if edge.sent] == [3.0]
    assert one.roots[0].node == 0


def test_a_module_that_is_opened_shows_its_nodes() -> None:
    """And no others."""
    one = by_call(_linear_and_loss(), ("fc",))

    assert one.graph is not None
    assert [node.op for node in one.graph.nodes if node.leaf is None] == ["cross_entropy", "addmm", "exp", "t"]


def test_outputs_of_a_call_that_returns_several_are_told_apart() -> None:
    """Roots and edges arrive at the output that is meant."""
    nodes = [
        _node(0, "AddBackward0", "add", "add", 1),
        _node(1, "SqrtBackward0", "sqrt", "std_mean", 2, name="std"),
        _node(2, "MeanBackward0", "mean", "std_mean", 2, name="mean"),
        Node(3, "AccumulateGrad", "leaf", name="x", leaf=0),
    ]
    edges = [Edge(0, 1, 0, input="self"), Edge(0, 2, 1, input="other"), Edge(1, 3, 0), Edge(2, 3, 0)]
    one = by_call(_pass(nodes, edges))

    assert one.graph is not None
    assert [output.name for output in one.graph.nodes[1].outputs] == ["std", "mean"]
    assert [edge.output for edge in one.graph.edges if edge.source == 0] == [0, 1]


def test_a_call_around_a_node_of_another_is_left_as_it_is() -> None:
    """Else the graph would have a cycle."""
    nodes = [
        _node(0, "MulBackward0", "mul", "outer", 1),
        _node(1, "ExpBackward0", "exp", "exp", 2),
        _node(2, "SinBackward0", "sin", "outer", 1),
    ]
    one = by_call(_pass(nodes, [Edge(0, 1, 0), Edge(1, 2, 0)]))

    assert one.graph is not None
    assert len(one.graph.nodes) == 3


def test_names_of_calls() -> None:
    """As they are written; without a call of its own, or one that says nothing, a node bears the name of its op."""
    place = Location("net.py", 3, column=9, end_line=3, end_column=14, text="    y = x @ w + b")

    assert called(_node(0, "MmBackward0", "mm", "matmul", 1, location=place)) == "x @ w"
    assert called(_node(0, "MmBackward0", "mm", "__matmul__", 1)) == "matmul"
    assert called(_node(0, "MmBackward0", "mm", "matmul", 0)) == "mm"
    assert called(_node(0, "MmBackward0", "mm", "matmul", None)) == "mm"
    assert called(_node(0, "RsubBackward1", "rsub", "__rsub__", 1)) == "sub"
    assert called(_node(0, "ReluBackward0", "relu", "relu_", 1)) == "relu"
    assert called(_node(0, "SelectBackward0", "select", "__getitem__", 1)) == "index"
    assert called(_node(0, "MulBackward0", "mul", "wrapped", 1)) == "mul"
    assert called(_node(0, "Mine", "Mine", "apply", 1, is_custom=True)) == "Mine"
