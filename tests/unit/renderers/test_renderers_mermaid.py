"""Mermaid: within its limits, and no text breaks out of its label."""

import re

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers.picture import mermaid


def test_the_product_as_a_flowchart() -> None:
    """Boxes, arrows in the direction of the gradient with their numbers, and the ledger of the leaves."""
    text = mermaid.render(builders.product_trace())

    assert "flowchart BT" in text
    assert '-->|"right factor 0.25"|' in text
    assert "pass 1: None → 2, adds 1 + 1<br/>pass 2: 2 → 4, adds 2" in text


def test_every_line_is_of_a_known_kind() -> None:
    """Hostile names, modules and arguments never make a line of their own or leave their quotes."""
    text = mermaid.render(builders.hostile_trace())

    label = r'"[^"<>]*(?:</?b>|<br/>|[^"<>])*"'
    kinds = (
        r"---", r"title: \"[^\"]*\"", r"flowchart BT", r"%% [^\"<>{}]*", rf"subgraph c\d+\[{label}\]", r"end",
        rf"(?:n\d+|note)[\[({{]+{label}[\])}}]+:::\w+", rf"n\d+ (?:-->|-\.->|==>)(?:\|{label}\|)? n\d+",
        r"classDef \w+ [\w:#,. -]+", r"class [c\d,]+ module", r"linkStyle [\d,]+ [\w:#,. -]+",
    )  # fmt: skip
    for line in text.splitlines():
        assert any(re.fullmatch(kind, line.strip()) for kind in kinds), line


def test_a_large_net_is_folded_until_it_fits() -> None:
    """A net of hundreds of different layers still fits, because modules are closed."""
    text = mermaid.render(builders.module_net_trace(150, 3))

    assert len(text) <= mermaid.TEXT_LIMIT
    assert text.count(" -->") <= mermaid.EDGE_LIMIT


def test_without_folding_too_many_edges_are_refused() -> None:
    """`--no-fold` on a large graph says what the limit is and what to do."""
    trace = builders.trace_of(builders.chain(600))

    with pytest.raises(RenderError, match=r"600 edges, and Mermaid draws at most 500. Leave out --no-fold"):
        mermaid.render(trace, mermaid.Options(fold=False))


def test_a_text_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folding does not help, the reason is given."""
    monkeypatch.setattr(mermaid, "TEXT_LIMIT", 300)

    with pytest.raises(RenderError, match=r"characters, and Mermaid reads at most 300. Fold it with a smaller --depth"):
        mermaid.render(builders.product_trace())


def test_equal_traces_give_equal_bytes() -> None:
    """Nothing but the trace decides what is written."""
    assert mermaid.render(builders.hostile_trace()) == mermaid.render(builders.hostile_trace())
