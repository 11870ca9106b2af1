"""DOT: structure, labels and hostile text, checked by Graphviz itself where it is there."""

import re
import shutil
import xml.etree.ElementTree as ET

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers.picture import dot, graphviz_programs

JOINER = "\u2060"
"""Invisible; it keeps Graphviz from acting on a backslash."""
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def _drawn(source: str) -> str:
    program = graphviz_programs.find("svg")
    assert program is not None
    return graphviz_programs.draw(program, source, "svg").decode()


def test_nodes_edges_and_clusters() -> None:
    """The product has four boxes and four arrows, written forwards and pointing back, the way of the gradient."""
    text = dot.render(builders.product_trace())

    assert len(re.findall(r"^ +n\d+ \[", text, re.MULTILINE)) == 4
    assert len(re.findall(r"^ +n\d+ -> n\d+ \[", text, re.MULTILINE)) == 4
    assert "edge [dir=back" in text


def test_modules_are_clusters_inside_each_other() -> None:
    """A module inside another is a cluster inside its cluster, and braces match."""
    text = dot.render(builders.module_net_trace())

    assert text.count("subgraph cluster_") >= 4
    assert text.count("{") == text.count("}")


def test_a_pass_is_chosen() -> None:
    """`pass_index` draws another pass."""
    assert "pass 2 of 3" in dot.render(builders.product_trace(), dot.Options(pass_index=2))


def test_a_missing_pass_is_an_error_that_lists_the_others() -> None:
    """Asking for a pass that there is not says which there are."""
    with pytest.raises(RenderError, match=r"^there is no pass 9: the run has 3 passes$"):
        dot.render(builders.product_trace(), dot.Options(pass_index=9))


def test_nothing_to_draw_says_what_to_do() -> None:
    """A run without any graph says what was seen and how to get one."""
    with pytest.raises(RenderError, match=r"never ran a backward pass.*--root NAME"):
        dot.render(builders.empty_trace())


def test_an_unknown_theme_lists_the_themes() -> None:
    """A theme that does not exist is an error with the list."""
    with pytest.raises(RenderError, match="choose light or dark"):
        dot.render(builders.product_trace(), dot.Options(theme="pink"))


def test_equal_traces_give_equal_bytes() -> None:
    """Nothing but the trace decides what is written."""
    assert dot.render(builders.module_net_trace()) == dot.render(builders.module_net_trace())


def test_no_link_leads_anywhere() -> None:
    """There are no URLs in a picture."""
    text = dot.render(builders.hostile_trace())

    assert not re.search(r"\b(URL|href)=", text)


@needs_dot
def test_graphviz_shows_hostile_text_as_it_is() -> None:
    """Names that are DOT escapes, entities or markup come out of Graphviz as the very same text."""
    names = (r"\N \l \G", "&amp; &lt;b&gt;", "</TABLE> <b>", 'quo"te', "a|b{c}", "%s")
    drawn = _drawn(dot.render(builders.hostile_trace(names)))

    root = ET.fromstring(drawn)
    texts = {
        (one.text or "").replace("\xa0", " ").replace(JOINER, "").strip()
        for one in root.iter("{http://www.w3.org/2000/svg}text")
    }
    for name in names:
        assert name in texts


@needs_dot
def test_graphviz_shows_hostile_tooltips_as_they_are() -> None:
    """Tooltips are neither escapes nor entities either."""
    names = (r"\N \l \G \\", "&amp;x", '"', "x\\")
    drawn = _drawn(dot.render(builders.hostile_trace(names)))

    titles = " ".join(
        value for one in ET.fromstring(drawn).iter() for key, value in one.items() if key.endswith("title")
    )
    for name in names:
        assert f"{name} = {name}" in titles.replace(JOINER, "")


@needs_dot
@pytest.mark.parametrize(
    "trace",
    [
        builders.hostile_trace, builders.failed_trace, builders.hooked_trace, builders.non_finite_trace,
        builders.multi_root_trace, builders.module_net_trace, builders.accumulate_trace, builders.linear_trace,
    ],
    ids=lambda builder: builder.__name__,
)  # fmt: skip
def test_graphviz_reads_every_picture(trace) -> None:
    """Graphviz draws each trace; its output is well-formed."""
    ET.fromstring(_drawn(dot.render(trace())))
