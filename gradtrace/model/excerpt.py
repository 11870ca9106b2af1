"""A piece of source text with a caret under the part that matters."""

from gradtrace.model.location import Location

_MARGIN = "    "
_WIDTH = 100


def excerpt(location: Location) -> str:
    """The first line of a location's text, with carets under the span: two indented lines.

    One character is shown for each in the source, so that the carets stay in place whatever the text holds; a long line
    is cut around the span.
    """
    line = "".join(
        char if char.isprintable() else " " if char == "\t" else "?" for char in location.text.split("\n", 1)[0]
    )
    start = min(max(location.column - 1, 0), len(line))
    stop = location.end_column - 1 if location.end_line <= location.line else len(line)
    stop = max(start + 1, min(stop, len(line)))
    if len(line) > _WIDTH:
        cut = max(0, start - _WIDTH // 2)
        line = ("…" if cut else "") + line[cut : cut + _WIDTH] + ("…" if cut + _WIDTH < len(line) else "")
        shift = cut - 1 if cut else 0
        start, stop = start - shift, min(stop - shift, len(line))
    return f"{_MARGIN}{line}\n{_MARGIN}{' ' * start}{'^' * max(1, stop - start)}"
