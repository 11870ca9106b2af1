"""What arrives at a node is the sum of what its edges sent."""

from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.fan_in import FanIn, fan_ins, is_sum
from gradtrace.model import BackwardPass, Graph


def first_pass(trace: object) -> tuple[BackwardPass, Graph]:
    one = trace.passes[0]  # type: ignore[attr-defined]
    return one, one.graph


def test_every_output_lists_its_edges_and_where_the_pass_starts() -> None:
    one, graph = first_pass(builders.product_trace())
    by_node = {fan_in.node: fan_in for fan_in in fan_ins(one)}
    w = next(node.id for node in graph.nodes if node.name == "w")
    assert [(graph.edges[edge].slot, graph.edges[edge].sent.value) for edge in by_node[w].edges] == [(0, 1.0), (1, 1.0)]
    assert by_node[w].sum.value == 2.0
    root = one.roots[0].node
    assert by_node[root].edges == ()
    assert [start.value for start in by_node[root].starts] == [1.0]


@pytest.mark.parametrize(
    "trace",
    [
        builders.product_trace(),
        builders.accumulate_trace(),
        builders.hooked_trace(),
        builders.multi_root_trace(),
        builders.module_net_trace(),
        builders.non_finite_trace(),
    ],
    ids=["product", "accumulate", "hooked", "multi root", "module net", "non-finite"],
)
def test_recorded_sums_hold(trace: object) -> None:
    """Hooks that rewrite a gradient do not break the sum: it is what arrived before them."""
    one, graph = first_pass(trace)
    checked = [is_sum(graph, fan_in) for fan_in in fan_ins(one)]
    assert False not in checked
    assert True in checked


def test_a_wrong_sum_is_noticed() -> None:
    one, graph = first_pass(builders.product_trace())
    fan_in = next(fan_in for fan_in in fan_ins(one) if len(fan_in.edges) == 2)
    wrong = FanIn(fan_in.node, fan_in.output, fan_in.edges, replace(fan_in.sum, value=2.01))
    assert is_sum(graph, wrong) is False


def test_nothing_is_claimed_without_values() -> None:
    one, graph = first_pass(builders.product_trace())
    fan_in = next(iter(fan_ins(one)))
    assert is_sum(graph, replace(fan_in, sum=replace(fan_in.sum, value=None))) is None


def test_complex_numbers_add_up() -> None:
    one, graph = first_pass(builders.product_trace())
    fan_in = next(fan_in for fan_in in fan_ins(one) if len(fan_in.edges) == 2)
    edges = tuple(
        replace(edge, sent=replace(edge.sent, value="1+2j", dtype="complex64")) if at in fan_in.edges else edge
        for at, edge in enumerate(graph.edges)
    )
    total = replace(fan_in.sum, value="2+4j", dtype="complex64")
    assert is_sum(Graph(graph.nodes, edges), replace(fan_in, sum=total)) is True


def test_a_pass_without_a_graph_has_no_fan_in() -> None:
    one, _ = first_pass(builders.product_trace())
    assert list(fan_ins(replace(one, graph=None))) == []
