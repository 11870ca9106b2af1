"""A place in the user's source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """A span of source text; lines and columns count from 1, `end_column` is exclusive.

    `text` is the source line (or lines, joined by newlines) without its line break; empty when the source cannot be
    read.
    """

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0
    function: str = ""
    text: str = ""
