"""Any text survives any picture: it comes out as text, and nothing around it breaks."""

import re
import xml.etree.ElementTree as ET

import builders
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtrace.renderers.picture import dot, mermaid, pictures

anything = st.text(st.characters(codec=None, exclude_categories=[]), max_size=40)
"""Lone surrogates and control characters too."""
few = settings(max_examples=25, deadline=None)


@few
@given(st.lists(anything, min_size=1, max_size=3))
def test_svg_is_well_formed(texts: list[str]) -> None:
    """SVG parses, and can be written as UTF-8."""
    drawn = pictures.render(
        builders.hostile_findings(builders.hostile_trace(texts), texts), pictures.Options(engine="builtin")
    )

    assert isinstance(drawn, str)
    ET.fromstring(drawn.encode())


@few
@given(st.lists(anything, min_size=1, max_size=3))
def test_dot_labels_and_strings_are_closed(texts: list[str]) -> None:
    """Each statement stands on one line, its labels are well-formed and its strings end where they should."""
    text = dot.render(builders.hostile_findings(builders.hostile_trace(texts), texts))

    text.encode()
    for line in text.splitlines():
        without_labels = re.sub(r"label=<(.*?)>(?=, tooltip=|, labeltooltip=|\]?;$)", lambda m: _checked(m[1]), line)
        assert re.sub(r'"(?:[^"\\]|\\.)*"', "", without_labels).count('"') == 0


def _checked(label: str) -> str:
    ET.fromstring(f"<label>{label}</label>")
    return ""


@few
@given(st.lists(anything, min_size=1, max_size=3))
def test_mermaid_quotes_are_closed(texts: list[str]) -> None:
    """Every line has its quotes in pairs and no tags but those of our own."""
    text = mermaid.render(builders.hostile_findings(builders.hostile_trace(texts), texts))

    text.encode()
    for line in text.splitlines():
        assert line.count('"') % 2 == 0
        assert not re.search(r"<(?!b>|/b>|br/>)", line)
