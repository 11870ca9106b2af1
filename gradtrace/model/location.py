"""A place in the user's source."""

from __future__ import annotations

from dataclasses import dataclass, field


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
