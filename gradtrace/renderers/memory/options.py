"""What a person may ask of the report on memory; imported by the command line, so it imports little."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.errors import UsageError
from gradtrace.suggest import no_such

FORMATS = ("text", "markdown", "json", "csv")

LINE, MODULE, OP, TENSOR = "line", "module", "op", "tensor"
TABLES = (LINE, MODULE, OP, TENSOR)
"""By what the memory can be shown."""

_FEW, _MANY = 5, 20
"""Rows of each of several tables, and of one that was asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the report is written.

    Attributes:
        by: the one table that is wanted; None for all.
        top: rows of each table; None for as many as fit the question.
        markdown: as Markdown rather than for a terminal.
        color: with escape codes.
        width: columns; 100 when None.
        verbose: every row.
        ascii_only: no characters beyond ASCII.
    """

    by: str | None = None
    top: int | None = None
    markdown: bool = False
    color: bool = False
    width: int | None = None
    verbose: bool = False
    ascii_only: bool = False

    @property
    def n_rows(self) -> int | None:
        """The most rows of a table; None for all."""
        if self.top is not None:
            return self.top
        return None if self.verbose else _FEW if self.by is None else _MANY


def check(format_name: str, by: str | None, top: int | None) -> None:
    """Find out whether what was asked for goes together.

    Args:
        format_name: the format.
        by: the one table.
        top: rows of each table.

    Raises:
        UsageError: there is no format or table of that name, or an option means nothing to the format.
    """
    for what, asked, known in (("format", format_name, FORMATS), ("table", by, TABLES)):
        if asked is not None and asked not in known:
            raise UsageError(no_such(what, asked, known))
    if format_name == "json" and by is not None:
        raise UsageError("--by means nothing to the format json, which has it all")
    if format_name in ("json", "csv") and top is not None:
        raise UsageError(f"--top means nothing to the format {format_name}, which has every row")
