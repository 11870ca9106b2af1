"""The part of a graph that leads to one thing."""

from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.focus import focused
from gradtrace.errors import RenderError
from gradtrace.model import PassError


def names(one: object) -> list[str]:
    return [node.name or node.op for node in one.graph.nodes]  # type: ignore[attr-defined]


def test_only_the_paths_to_a_leaf_are_left() -> None:
    trace = builders.product_trace()
    part = focused(trace.passes[0], trace.leaves, "y")
    assert names(part) == ["mul", "y"]
    assert [(edge.source, edge.target, edge.slot) for edge in part.graph.edges] == [(0, 1, 1)]
    assert part.roots[0].node == 0


def test_a_module_brings_all_that_is_in_it() -> None:
    trace = builders.module_net_trace()
    one = trace.passes[0]
    part = focused(one, trace.leaves, "net.layers.2")
    modules = {node.module for node in part.graph.nodes}
    assert {"net.layers.2", "net.layers.2.fc0", "net.head", None} >= {m for m in modules if m != "net.layers.2.fc1"}
    assert not any((node.module or "").startswith("net.layers.0") for node in part.graph.nodes)


def test_globs_match() -> None:
    trace = builders.module_net_trace()
    part = focused(trace.passes[0], trace.leaves, "net.layers.*.fc0.bias")
    leaves = [trace.leaves[node.leaf].name for node in part.graph.nodes if node.leaf is not None]
    assert sorted(leaves) == [f"net.layers.{i}.fc0.bias" for i in range(3)]


def test_a_name_that_is_not_there_is_an_error_with_those_that_come_close() -> None:
    trace = builders.module_net_trace()
    with pytest.raises(RenderError, match=r"nothing in pass 1 is called 'net.head.wieght'; there are net.head.weight"):
        focused(trace.passes[0], trace.leaves, "net.head.wieght")


def test_an_error_outside_the_part_has_no_node() -> None:
    trace = builders.product_trace()
    one = replace(trace.passes[0], error=PassError("RuntimeError", "no", 1))
    inner = next(node.id for node in one.graph.nodes if node.id and node.leaf is None)
    one = replace(one, error=PassError("RuntimeError", "no", inner))
    assert focused(one, trace.leaves, "y").error == PassError("RuntimeError", "no", None)


def test_a_pass_without_a_graph_stays_as_it_is() -> None:
    trace = builders.product_trace()
    one = replace(trace.passes[0], graph=None)
    assert focused(one, trace.leaves, "y") is one
