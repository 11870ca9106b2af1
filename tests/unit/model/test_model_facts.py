"""What the model itself knows: how a tensor is printed, what is finite, what a node says of its first output."""

import dataclasses
import inspect
import math

import builders
import pytest
from builders import stats, tensor
from tape import Value

from gradtrace.model import Node, NodeOutput, TensorSpec, TensorStats, everything

CLASSES = [item for _, item in inspect.getmembers(everything) if dataclasses.is_dataclass(item)]


@pytest.mark.parametrize("model", CLASSES, ids=lambda model: model.__name__)
def test_models_cannot_be_changed(model: type) -> None:
    """Each is a frozen dataclass with slots: what was observed stays as it was observed."""
    assert model.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__dict__" not in dir(model)
    assert {*model.__slots__} - {"__weakref__"} == {field.name for field in dataclasses.fields(model)}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (TensorSpec((2, 3), "float32"), "f32[2,3]"),
        (TensorSpec((), "bool"), "bool[]"),
        (TensorSpec((4,), "bfloat16", "cuda:1"), "bf16[4] cuda:1"),
        (TensorSpec((1,), "float8_e4m3fn"), "float8_e4m3fn[1]"),
    ],
)
def test_tensor_spec_is_printed_short(spec: TensorSpec, text: str) -> None:
    """The dtype in short, the shape, and the device only when it is not the cpu."""
    assert str(spec) == text


def test_finite_is_known_only_when_it_was_counted() -> None:
    """Nothing counted: nothing claimed."""
    assert stats(tensor([1, 2])).is_finite is True  # type: ignore[union-attr]
    assert stats(tensor([1, math.nan])).is_finite is False  # type: ignore[union-attr]
    assert stats(tensor([math.inf])).is_finite is False  # type: ignore[union-attr]
    assert TensorStats((), "float32", 1, norm=1.0).is_finite is None


def test_node_speaks_for_its_first_output() -> None:
    """Shape, dtype and value are the first output's; what was received, the first that received anything."""
    assert (Node(0, "A", "a").shape, Node(0, "A", "a").received, Node(0, "A", "a").value) == (None, None, None)
    first = NodeOutput(0, (2,), "float32", value=stats(tensor([1, 2])))
    second = NodeOutput(1, (3,), "float64", received=stats(tensor([1, 1, 1])))
    node = Node(0, "A", "a", outputs=(first, second))
    assert (node.shape, node.dtype, node.value, node.received) == ((2,), "float32", first.value, second.received)


@pytest.mark.parametrize("name", sorted(name for name in dir(builders) if name.endswith("_trace")))
def test_traces_by_hand_keep_the_identities(name: str) -> None:
    """Ids are positions, edges are in order, arrivals are sums of what was sent, after = before + contribution."""
    trace = getattr(builders, name)()
    assert [leaf.id for leaf in trace.leaves] == list(range(len(trace.leaves)))
    assert [event.order for event in trace.events] == list(range(len(trace.events)))
    for one in trace.passes:
        graph = one.graph
        assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
        assert list(graph.edges) == sorted(graph.edges, key=lambda edge: (edge.source, edge.slot))
        if one.error is None and name != "non_finite_trace":
            roots = {(root.node, root.output) for root in one.roots}
            for node in graph.nodes:
                for output in node.outputs:
                    sent = [e.sent for e in graph.edges if (e.target, e.output) == (node.id, output.index) and e.sent]
                    arrived = output.arrived or output.received
                    if sent and arrived and arrived.numel <= 16 and (node.id, output.index) not in roots:
                        assert flat(arrived) == pytest.approx([sum(c) for c in zip(*map(flat, sent), strict=True)])
        for row in one.accumulations:
            if row.contribution and row.contribution.numel <= 16:
                before = flat(row.before) if row.before else [0.0] * row.contribution.numel
                total = [old + new for old, new in zip(before, flat(row.contribution), strict=True)]
                assert flat(row.after) == pytest.approx(total, nan_ok=True)


def flat(measured: TensorStats) -> list[float]:
    items = [measured.value]
    while items and isinstance(items[0], list):
        items = [element for row in items for element in row]
    return items


def test_tape_differentiates_as_calculus_does() -> None:
    """The gradients of the linear layer, by hand: the batch is summed for the bias, and weighs the weight."""
    rows = builders.linear_trace().passes[0].accumulations
    assert [row.contribution.value for row in rows] == [[[9.0, 12.0], [9.0, 12.0]], [3.0, 3.0]]  # type: ignore[union-attr]


def test_tape_runs_nodes_in_the_order_of_the_engine() -> None:
    """The op made last runs first; a leaf runs as soon as all its edges have sent."""
    graph = builders.product_trace().passes[0].graph
    assert graph is not None
    by_order = sorted(graph.nodes, key=lambda node: node.order or 0)
    assert [(node.op, node.name) for node in by_order] == [("mul", None), ("leaf", "y"), ("mul", None), ("leaf", "w")]


@pytest.mark.parametrize(("depth", "width"), [(1, 1), (3, 2)])
def test_module_net_has_as_many_nodes_as_it_says(depth: int, width: int) -> None:
    """So that tests can ask for a size."""
    graph = builders.module_net(depth, width)
    leaves = [node for node in graph.nodes if node.leaf is not None]
    assert len(leaves) == 4 + depth * 2 * width
    assert len(graph.nodes) - len(leaves) == (3 * width + 1) * depth + 5
    assert stats(Value((2,), (0.0, 0.0))).zero == 2  # type: ignore[union-attr]
