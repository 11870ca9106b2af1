"""Any graph and any text survive the tree and the pictures of its folded view."""

import xml.etree.ElementTree as ET

import builders
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from gradtrace.renderers.page import page
from gradtrace.renderers.picture import dot, mermaid, pictures
from gradtrace.renderers.tree import tree

anything = st.text(st.characters(codec=None, exclude_categories=[]), max_size=40)
few = settings(max_examples=20, deadline=None)


@few
@given(st.lists(anything, min_size=1, max_size=3), st.integers(60, 200))
def test_no_line_of_the_tree_is_wider_than_asked_nor_holds_anything_that_acts(texts: list[str], width: int) -> None:
    """Escape sequences and line breaks of the program never reach the terminal."""
    drawn = tree.render(builders.hostile_trace(texts), tree.Options(width=width))

    drawn.encode()
    for line in drawn.split("\n"):
        assert cell_len(line) <= width
        assert all(letter.isprintable() for letter in line)


@few
@given(st.integers(0, 6), st.integers(1, 4), st.none() | st.integers(0, 3), st.booleans())
def test_every_graph_is_drawn_in_every_format(layers: int, width: int, depth: int | None, fold: bool) -> None:
    """However deep it is, and however it is folded."""
    trace = builders.trace_of(builders.module_net(layers, width))

    svg = pictures.render(trace, pictures.Options(depth=depth, fold=fold, engine="builtin"))
    assert isinstance(svg, str)
    ET.fromstring(svg)
    assert dot.render(trace, dot.Options(depth=depth, fold=fold)).startswith("digraph")
    assert "flowchart" in mermaid.render(trace, mermaid.Options(depth=depth))
    assert "sum" in tree.render(trace, tree.Options(depth=depth, fold=fold))
    assert page.render(trace, page.Options()).lower().startswith("<!doctype html>")
