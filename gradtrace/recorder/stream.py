"""The append-only file in which a process leaves what it saw: one JSON object a line, one `os.write` a line.

What has been written survives SIGKILL, a segmentation fault and `os._exit`. The schema is
`gradtrace.recording.records`.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path


def plain_text(text: str) -> str:
    """The text with lone surrogates spelled out, so that any JSON reader takes it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def plain_number(number: float) -> float | str:
    """The number, or its name when JSON has no word for it."""
    if math.isfinite(number):
        return number
    return "nan" if number != number else "inf" if number > 0 else "-inf"  # noqa: PLR0124


encode = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":"), allow_nan=False).encode
quote = json.encoder.encode_basestring_ascii
"""A text as a JSON string."""


class Stream:
    """A file that is opened when the first line is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether a line has been written."""
        return self._fd is not None

    def write(self, line: str) -> None:
        """Append one line of JSON, given without its line break."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self._fd, (line + "\n").encode("ascii"))

    def close(self) -> None:
        """Close the file; a later write would open it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Shelf(Stream):
    """A stream that keeps its lines until they are wanted: for `--passes last`, which keeps only the latest pass.

    `replace()` makes what was written since the last call the whole content of the file, atomically.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        """Hold one line back."""
        self._lines.append(line)

    def replace(self, header: str) -> None:
        """Write the file anew: a header, and the lines since the last call."""
        beside = self.path.with_suffix(".part")
        beside.write_text("\n".join([header, *self._lines, ""]), encoding="ascii")
        beside.replace(self.path)
        self._lines.clear()
