"""A place in the user's source."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_CELL = re.compile(r"(?P<file>.*\.ipynb):cell (?P<number>[1-9]\d*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Location:
    """A span of source text; lines and columns count from 1, `end_column` is exclusive.

    `text` is the source line (or lines, joined by newlines) without its line break; empty when the source cannot be
    read. Where a library called torch for the user's line, `via` is the library's place (which has no `via` itself);
    two spans are equal whatever they came by.
    """

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0
    function: str = ""
    text: str = ""
    via: Location | None = field(default=None, compare=False, repr=False)

    @property
    def source_line(self) -> tuple[str, int]:
        """File and line: what tells one line of source from another."""
        return self.file, self.line


def cell_of(file: str) -> tuple[str, int] | None:
    """The file of a notebook and the number of a cell, of the name that the code of a cell bears; None for others.

    Cells count from 1, those of text included: `train.ipynb:cell 6`.
    """
    match = _CELL.fullmatch(file)
    return None if match is None else (match["file"], int(match["number"]))


Line = tuple[str, int] | None
"""The line of a place that may not be known."""


def source_line(place: Location | None) -> Line:
    """File and line of a place, if there is one."""
    return None if place is None else place.source_line


def same_place(one: Location | None, other: Location | None) -> bool:
    """Whether two places are one line."""
    return one is not None and other is not None and one.source_line == other.source_line
