"""Graphs that are wrong whatever the numbers."""

from __future__ import annotations

import pytest

from gradtrace.diagnosis.evidence.shapes import dimension, ends_in_loss, is_type, targets, through_views
from gradtrace.diagnosis.rules import double_softmax, loss_broadcast
from gradtrace.model import BackwardPass, Edge, Graph, Location, Node, NodeOutput, Run, Trace

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")


def chain(*kinds: tuple[str, tuple[int, ...]]) -> Graph:
    """Nodes that follow each other, with their shapes, one a line."""
    nodes = tuple(
        Node(
            number,
            kind,
            kind,
            location=Location("train.py", number + 1),
            outputs=(NodeOutput(0, shape, "float32"),),
            arguments=(("dim", "1"),),
        )
        for number, (kind, shape) in enumerate(kinds)
    )
    return Graph(nodes, tuple(Edge(number, number + 1, 0) for number in range(len(nodes) - 1)))


def trace(graph: Graph) -> Trace:
    backward = BackwardPass(
        1, "Tensor.backward", None, (), retain_graph=False, create_graph=False, recorded="full", graph=graph
    )
    return Trace(RUN, passes=(backward,))


def test_a_softmax_is_seen_through_views() -> None:
    """Reshaping between the two does not hide the first one."""
    graph = chain(("LogSoftmaxBackward0", (4, 3)), ("ViewBackward0", (4, 3)), ("SoftmaxBackward0", (2, 2, 3)))
    (found,) = double_softmax.check(trace(graph))
    assert found.message == "The softmax of this loss is applied to the result of another softmax"
    assert (found.location, found.related[0].location) == (graph.nodes[0].location, graph.nodes[2].location)


def test_an_op_of_a_second_derivative_is_another_one() -> None:
    """Its name begins as that of the op whose derivative it differentiates."""
    graph = chain(("ThresholdBackwardBackward0", (4, 3)), ("ThresholdBackward0", (4, 3)))
    assert [is_type(node, "ThresholdBackward") for node in graph.nodes] == [False, True]


def test_a_softmax_of_logits_is_fine() -> None:
    """So is attention somewhere below."""
    graph = chain(("LogSoftmaxBackward0", (4, 3)), ("AddmmBackward0", (4, 3)), ("SoftmaxBackward0", (4, 3)))
    assert list(double_softmax.check(trace(graph))) == []


@pytest.mark.parametrize(
    ("kinds", "is_wrong"),
    [
        ([("MeanBackward0", ()), ("PowBackward0", (8, 8)), ("SubBackward0", (8, 8)), ("AddmmBackward0", (8, 1))], True),
        ([("MeanBackward0", ()), ("PowBackward0", (8, 8)), ("SubBackward0", (8, 8)), ("SqueezeBackward1", (8,))], True),
        (
            [("MeanBackward0", ()), ("PowBackward0", (8, 1)), ("SubBackward0", (8, 1)), ("AddmmBackward0", (8, 1))],
            False,
        ),
        (
            [("MeanBackward0", ()), ("PowBackward0", (8, 8)), ("SubBackward0", (8, 8)), ("AddmmBackward0", (8, 8))],
            False,
        ),
        (
            [("MeanBackward1", (8,)), ("PowBackward0", (8, 8)), ("SubBackward0", (8, 8)), ("AddmmBackward0", (8, 1))],
            False,
        ),
        ([("MmBackward0", (8, 2)), ("SubBackward0", (8, 8)), ("AddmmBackward0", (8, 1))], False),
    ],
)
def test_a_column_against_a_row(kinds: list[tuple[str, tuple[int, ...]]], *, is_wrong: bool) -> None:
    """Only a square made of one column or row, and summed up as a whole, is a mistake."""
    found = list(loss_broadcast.check(trace(chain(*kinds))))
    assert [one.message for one in found] == (
        ["Shapes (8, 1) and (8,) broadcast to (8, 8): all pairs are compared"] if is_wrong else []
    )


def test_targets_and_views() -> None:
    """A node's targets are found among the edges of all nodes."""
    graph = chain(("ViewBackward0", (4,)), ("TBackward0", (4,)), ("MulBackward0", (4,)))
    assert [one.id for one in targets(graph, graph.nodes[1])] == [2]
    assert targets(graph, graph.nodes[2]) == []
    assert through_views(graph, graph.nodes[0]).id == 2


def test_the_size_of_a_dimension_and_the_way_to_the_loss() -> None:
    """What a softmax works along, and whether a product of matrices takes it in."""
    graph = chain(("SumBackward0", ()), ("BmmBackward0", (4, 1)), ("SoftmaxBackward0", (4, 1)))
    assert dimension(graph.nodes[2]) == 1
    assert not ends_in_loss(graph, graph.nodes[2])
    assert ends_in_loss(graph, graph.nodes[1])
