"""A machine without Graphviz: everything is drawn but PDF, which says what to install."""

import sys
import xml.etree.ElementTree as ET

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers import registry
from gradtrace.renderers.view_options import ViewOptions


@pytest.fixture(autouse=True)
def nothing_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program can be found, not even beside our own interpreter."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")


@pytest.mark.parametrize("name", ["svg", "html", "tree", "mermaid", "json", "dot"])
def test_text_formats_need_no_other_program(name: str) -> None:
    """They are drawn, and name the leaf."""
    text = registry.find(name, registry.PICTURES).render(builders.module_net_trace())
    assert isinstance(text, str)
    assert name == "html" or "net.head.bias" in text  # in the page it is compressed
    if name == "svg":
        ET.fromstring(text)


def test_png_needs_only_the_extra() -> None:
    """It is drawn from our own SVG."""
    pytest.importorskip("resvg_py")
    drawn = registry.find("png", registry.PICTURES).render(builders.product_trace())
    assert isinstance(drawn, bytes)
    assert drawn.startswith(b"\x89PNG")


def test_pdf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And which format needs nothing."""
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RenderError, match=r"(?s)Graphviz.*apt-get install graphviz.*SVG"):
        registry.find("pdf", registry.PICTURES).render(builders.product_trace())


def test_the_engine_that_is_missing_is_not_replaced_in_silence() -> None:
    """Who asks for dot gets dot or is told."""
    with pytest.raises(RenderError, match="--engine builtin"):
        registry.find("svg", registry.PICTURES).render(builders.product_trace(), ViewOptions(engine="dot"))
