"""Source lines with what is to be said about them: line numbers, carets, labels, over several lines and files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len, chop_cells, set_cell_size

from gradtrace.model import Location
from gradtrace.text.escape import one_line

_ELLIPSIS = "..."
_LEAST_ROOM = 24
"""Columns that a label gets at least, wherever its carets stand."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place and what is said of it; the primary one gets carets, the others dashes."""

    location: Location
    label: str = ""
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text in one of the styles `gutter`, `primary`, `secondary` or plain (``)."""

    text: str
    style: str = ""


Line = tuple[Piece, ...]


def gutter_width(marks: Sequence[Mark]) -> int:
    """Columns of the longest line number."""
    return max((len(str(mark.location.line)) for mark in marks), default=1)


def snippet(marks: Sequence[Mark], width: int) -> Iterator[Line]:
    """The lines of a snippet: first the file of the first mark, then the others; within a file from top to bottom."""
    gutter = gutter_width(marks)
    by_file: dict[str, list[Mark]] = {}
    for mark in marks:
        by_file.setdefault(mark.location.file, []).append(mark)
    for number, (file, here) in enumerate(by_file.items()):
        first = here[0].location
        arrow = ":::" if number else "-->"
        if number:
            yield (Piece(" " * gutter + " |", "gutter"),)
        yield (
            Piece(f"{' ' * gutter}{arrow} ", "gutter"),
            Piece(f"{one_line(file, 4 * width)}:{first.line}:{first.column}"),
        )
        yield from _file(here, gutter, width)


def _file(marks: Sequence[Mark], gutter: int, width: int) -> Iterator[Line]:
    ordered = sorted(marks, key=lambda mark: (mark.location.line, mark.location.column, not mark.is_primary))
    if not any(mark.location.text.strip() or mark.label for mark in ordered):
        return
    yield (Piece(" " * gutter + " |", "gutter"),)
    before: int | None = None
    for line, here in groupby(ordered, key=lambda mark: mark.location.line):
        if before is not None and line > before + 1:
            yield (Piece(_ELLIPSIS, "gutter"),)
        before = line
        yield from _source_line(line, _merged(list(here)), gutter, width)


def _merged(marks: list[Mark]) -> list[Mark]:
    """One mark for each span: what is said of the primary place by a related one becomes its label."""
    spans: dict[tuple[int, int, int], Mark] = {}
    for mark in marks:
        span = (mark.location.column, mark.location.end_line, mark.location.end_column)
        known = spans.get(span)
        if known is None:
            spans[span] = mark
        else:
            label = "; ".join(dict.fromkeys(text for text in (known.label, mark.label) if text))
            spans[span] = Mark(known.location, label, known.is_primary or mark.is_primary)
    return list(spans.values())


def _source_line(line: int, marks: list[Mark], gutter: int, width: int) -> Iterator[Line]:
    text = next((mark.location.text for mark in marks if mark.location.text), "").split("\n", 1)[0]
    room = width - gutter - 3
    shown, shift = _window(_cells_kept(text), marks[0].location, room)
    number = Piece(f"{line:>{gutter}} | ", "gutter")
    empty = Piece(" " * gutter + " | ", "gutter")
    yield (number, Piece(shown.rstrip()))
    last = len(shown) - (len(_ELLIPSIS) if len(text) > len(shown) + shift else 0)
    seen = [mark for mark in marks if mark is marks[0] or mark.location.column - 1 - shift < last]
    for mark in seen:
        start, length = _span(mark.location, text, shown, shift)
        style, sign = ("primary", "^") if mark.is_primary else ("secondary", "-")
        carets = Piece(sign * length, style)
        label = one_line(mark.label)
        if not text.strip():  # the source could not be read
            start, length, carets = 0, 0, Piece("")
        if not label:
            yield (empty, Piece(" " * start), carets)
            continue
        if length and start + length + 1 + cell_len(label) <= room:
            yield (empty, Piece(" " * start), carets, Piece(" "), Piece(label, style))
            continue
        if length:
            yield (empty, Piece(" " * start), carets)
        indent = min(start, max(0, room - max(_LEAST_ROOM, room // 2)))
        for part in wrapped(label, room - indent):
            yield (empty, Piece(" " * indent), Piece(part, style))
    if len(seen) < len(marks):  # they stand in another part of the line
        yield from _source_line(line, [mark for mark in marks if mark not in seen], gutter, width)


def _cells_kept(text: str) -> str:
    """One character for each in the source, so that carets stay in place whatever the text holds."""
    return "".join(char if char.isprintable() else " " if char == "\t" else "?" for char in text)


def _window(text: str, location: Location, room: int) -> tuple[str, int]:
    """What of a long line is shown, around the span, and how many characters of it were left out at the start."""
    if cell_len(text) <= room:
        return text, 0
    start = max(0, min(location.column - 1, len(text)))
    cut = max(0, start - room // 3)
    left = _ELLIPSIS if cut else ""
    rest = text[cut:]
    if cell_len(rest) + len(left) > room:
        rest = set_cell_size(rest, room - len(left) - len(_ELLIPSIS)) + _ELLIPSIS
    return left + rest, cut - len(left)


def _span(location: Location, text: str, shown: str, shift: int) -> tuple[int, int]:
    """Where the carets begin, and how many there are, in columns of what is shown."""
    start = max(0, min(location.column - 1, len(text)))
    is_one_line = location.end_line <= location.line
    stop = location.end_column - 1 if is_one_line else len(text.rstrip())
    stop = max(start + 1, min(stop, len(text)))
    start, stop = (max(0, min(place - shift, len(shown))) for place in (start, stop))
    left = cell_len(shown[:start])
    return left, max(1, cell_len(shown[start:stop]))


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at spaces, or anywhere in a word that is longer."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, max(1, width))
    return lines or [""]


def written(lines: Iterator[Line], codes: Mapping[str, str]) -> Iterator[str]:
    """The lines as text; `codes` gives the escape code of each style, and is empty for no colours."""
    for line in lines:
        last = len(line) - 1
        yield "".join(
            f"\x1b[{codes[piece.style]}m{piece.text}\x1b[0m"
            if piece.style in codes and piece.text.strip()
            else piece.text.rstrip()
            if number == last
            else piece.text
            for number, piece in enumerate(line)
        ).rstrip()
