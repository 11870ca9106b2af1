"""Text from the user's program is inert and readable wherever it stands."""

import html
import re
from xml.etree import ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st

from gradtrace.text import escape

HOSTILE = [
    "\x1b[31mred\x07",
    "a\nb\rc\td\x00",
    "\u202eevil\u2066",
    "\ud800 lone",
    "</script><script>alert(1)</script>",
    '" onload="x',
    "[red]markup[/red]",
    "]]>-->",
    "\\N \\l \\\\",
    "`code` ``two``",
    "#quot; &quot; &#35;",
    "| a | b |",
    "x" * 10_000,
]
texts = st.text(st.characters(), max_size=50) | st.sampled_from(HOSTILE)


@given(texts)
@example("\u2028\x85\x0b")
def test_visible_text_is_one_line_of_printable_characters(text: str) -> None:
    shown = escape.visible(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_visible_text_names_what_cannot_be_seen() -> None:
    assert escape.visible("\x1b[31m\n\u202e\ud800é") == "\\x1b[31m\\n\\u202e\\ud800é"


@given(texts, st.integers(1, 60))
def test_a_limit_is_kept(text: str, limit: int) -> None:
    """Short text stays whole; long text ends in an ellipsis and is never cut inside an escape."""
    whole, shown = escape.visible(text), escape.visible(text, limit)
    assert len(shown) <= limit
    assert shown == whole if len(whole) <= limit else shown.endswith("…")
    assert whole.startswith(shown.removesuffix("…"))
    assert not re.search(r"\\(x.?|u.{0,3}|U.{0,7})…$", shown) or "\\" in text


def test_source_text_is_drawn_onto_one_line() -> None:
    assert escape.one_line("loss = net(\n        x,\n    )") == "loss = net( x, )"
    assert escape.one_line("a  b\x1b", 4) == "a b…"


@given(texts)
def test_markup_parses_back_to_the_visible_text(text: str) -> None:
    root = ET.fromstring(f'<a b="{escape.markup(text)}">{escape.markup(text)}</a>')
    assert root.text == (escape.visible(text) or None)
    assert root.get("b") == escape.visible(text)


@given(texts)
def test_a_mermaid_label_holds_nothing_that_acts(text: str) -> None:
    label = escape.mermaid(text)
    assert not set(re.sub(r"#\d+;", "", label)) & set('"<>&#;`|{}()\\\n')
    decoded = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label)
    assert decoded == escape.visible(text)


@given(texts)
def test_markdown_text_has_no_tags_and_no_bare_marks(text: str) -> None:
    shown = escape.markdown(text)
    assert not set("<>") & set(shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|]", shown)
    assert re.sub(r"\\([\\`*_{}\[\]()#+!|~-])", r"\1", html.unescape(shown)) == html.unescape(
        html.escape(escape.visible(text), quote=False)
    )
