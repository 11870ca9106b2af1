"""A whole trace narrowed to what leads to one name."""

import builders
import pytest

from gradtrace.analysis.focus import focused_trace
from gradtrace.errors import RenderError


def test_every_pass_keeps_what_leads_to_the_leaf_and_its_story() -> None:
    """Other leaves are gone from the graphs and from what the passes did, so that sums still hold."""
    trace = builders.product_trace()

    part = focused_trace(trace, "y")

    assert [len(one.accumulations) for one in part.passes] == [1, 1, 1]
    for one in part.passes:
        assert one.graph is not None
        assert {node.leaf for node in one.graph.nodes if node.leaf is not None} == {1}
        [row] = one.accumulations
        [edge] = [edge for edge in one.graph.edges if one.graph.nodes[edge.target].leaf == 1]
        assert row.contribution == edge.sent
    assert part.leaves == trace.leaves


def test_a_name_that_no_pass_has_is_an_error() -> None:
    """With those that come close."""
    with pytest.raises(RenderError, match=r"net\.head\.weight"):
        focused_trace(builders.module_net_trace(), "net.head.wieght")
