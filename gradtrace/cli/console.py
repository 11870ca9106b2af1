"""What the place where output goes can show: the only file that looks at terminals and colours."""

import os
from dataclasses import dataclass
from typing import TextIO

_SAMPLE = "├─│└×∂·→…"
"""What the text renderers draw with."""


@dataclass(frozen=True, slots=True)
class Console:
    """Where text will be read.

    Attributes:
        is_terminal: a person sees it as it is written.
        color: escape codes may be written.
        width: columns; None when nothing is known (a pipe or a file).
        unicode: the encoding can hold line drawing and mathematical signs.
    """

    is_terminal: bool
    color: bool
    width: int | None
    unicode: bool


def look_at(stream: TextIO | None, color: str = "auto") -> Console:
    """Describes a stream; `color` is `auto`, `always` or `never`."""
    is_terminal = _is_terminal(stream)
    return Console(
        is_terminal, _wants_color(color, is_terminal=is_terminal), _width(stream, is_terminal), _unicode(stream)
    )


def file_console(color: str = "auto") -> Console:
    """Describes a file that will be written as UTF-8: colours only when they are demanded."""
    return Console(is_terminal=False, color=color == "always", width=None, unicode=True)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _wants_color(choice: str, *, is_terminal: bool) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "") not in ("", "0"):
        return True
    return is_terminal and os.environ.get("TERM") != "dumb"


def _width(stream: TextIO | None, is_terminal: bool) -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    if not is_terminal or stream is None:
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _unicode(stream: TextIO | None) -> bool:
    try:
        _SAMPLE.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
