"""Any text survives the page: it stays data, and it stays readable."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from html.parser import HTMLParser

import builders
from hypothesis import given
from hypothesis import strategies as st

from gradtrace.model import Location
from gradtrace.renderers.page.page import Options, render

ANY_TEXT = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "</script><script>alert(1)</script>",
        "<!--",
        "]]>",
        "@data@",
        "@script@",
        "\ud800",
        "\u202egnp.exe",
        "\x1b[31m",
        "a" * 10_000,
    ]
)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and not self.data:
            self.data = data


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_stays_data(name: str, module: str, source: str) -> None:
    """Whatever a program calls things, the page has the same elements, and texts without hidden characters."""
    trace = builders.product_trace()
    graph = trace.passes[0].graph
    assert graph is not None
    location = Location(source, 3, 1, 3, 9, name, source)
    nodes = tuple(replace(node, name=name, module=module, type=source, location=location) for node in graph.nodes)
    changed = replace(
        trace,
        run=replace(trace.run, target=name, argv=(module, source), expression=source),
        passes=(replace(trace.passes[0], graph=replace(graph, nodes=nodes)), *trace.passes[1:]),
    )
    page, plain = Tags(render(changed, Options())), Tags(render(trace, Options()))
    assert page.tags == plain.tags
    body = gzip.decompress(base64.b64decode(page.data))
    header = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])
    assert all(char.isprintable() or char in "\n\t" for text in header["texts"] for char in text)
    assert all(len(text) < 50_000 for text in header["texts"])
