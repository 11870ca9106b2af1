"""Makes any text inert and readable, for each place where it may stand.

Names, sources, arguments and messages come from the user's program and may hold anything: escape sequences, line
breaks, direction marks, half of a surrogate pair, markup, ten thousand characters. First `visible`, then the
function for the format.
"""

import html
import re

_ELLIPSIS = "…"

_MERMAID = re.compile(r"[^\w .,:/=+*'×…·→∂\[\]-]")
"""Everything that Mermaid, or the Markdown and HTML that it lets through, might act on."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")


def visible(text: str, limit: int | None = None) -> str:
    r"""One line of printable characters; the others as Python writes them: `\x1b`, `\n`, `\u202e`, `\ud800`.

    Args:
        text: anything.
        limit: the most characters; longer text ends in `…`.
    """
    if limit is None:
        return text if text.isprintable() else "".join(map(_visible_character, text))
    if len(text) <= limit and text.isprintable():
        return text
    characters = list(map(_visible_character, text[: limit + 1]))
    length = sum(map(len, characters))
    if length <= limit and len(text) <= limit:
        return "".join(characters)
    while characters and length > limit - len(_ELLIPSIS):
        length -= len(characters.pop())
    return "".join(characters)[:limit] + _ELLIPSIS


def _visible_character(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def one_line(text: str, limit: int | None = None) -> str:
    """Source text or a message on one line: its line breaks and indentation as single spaces, and the rest visible."""
    return visible(" ".join(text.split()) if limit is None else " ".join(text[: 4 * limit].split()), limit)


def markup(text: str) -> str:
    """Text between tags, or inside a quoted attribute, of XML, SVG or HTML."""
    return html.escape(visible(text))


def mermaid(text: str) -> str:
    """Text inside the quotes of a Mermaid label; what could act is written as an entity: `#35;`."""
    return _MERMAID.sub(lambda match: f"#{ord(match[0])};", visible(text))


def markdown(text: str) -> str:
    """Text in a paragraph or a table cell of Markdown."""
    return html.escape(_MARKDOWN.sub(r"\\\1", visible(text)), quote=False)


def spreadsheet_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, on one line."""
    visible = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return f"'{visible}" if visible[:1] in ("=", "+", "-", "@") else visible
