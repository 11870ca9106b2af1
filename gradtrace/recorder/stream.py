"""The append-only file in which a process leaves what it saw: one JSON object a line, one `os.write` a line.

What has been written survives SIGKILL, a segmentation fault and `os._exit`. The schema is
`gradtrace.recording.records`.
"""

from __future__ import annotations

import json
import math
import os
import zlib
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


class Framing:
    """Ends each line of a file with its number and a checksum that goes on from the line before.

    So nothing is lost unseen: what could not be written for lack of space leaves a gap in the numbers.
    """

    def __init__(self) -> None:
        self._number = 0
        self._checksum = 0

    def __call__(self, line: str) -> bytes:
        """One line of JSON, given without its line break."""
        body = line[:-1].encode("ascii")
        self._number += 1
        self._checksum = zlib.crc32(body, self._checksum)
        return b'%b,"n":%d,"crc":%d}\n' % (body, self._number, self._checksum)


class Stream:
    """A file that is opened when the first line is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._framed = Framing()
        self._waiting: list[str] = []
        self._is_writing = False

    @property
    def is_open(self) -> bool:
        """Whether a line has been written."""
        return self._fd is not None

    def write(self, line: str) -> None:
        """Append one line of JSON, given without its line break."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._waiting.append(line)
        if self._is_writing:  # a signal handler came between a line's number and its writing: its lines are next
            return
        self._is_writing = True
        try:
            while self._waiting:
                os.write(self._fd, self._framed(self._waiting.pop(0)))
        finally:
            self._is_writing = False

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
        beside.write_bytes(b"".join(map(Framing(), [header, *self._lines])))
        beside.replace(self.path)
        self._lines.clear()
