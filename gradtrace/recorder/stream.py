"""The file in which a process leaves what it saw: one JSON object a line, one call of the system a line.

A line may have data behind it: columns of numbers, as bytes.

What has been written survives SIGKILL, a segmentation fault and `os._exit`. The schema is
`gradtrace.recording.records`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import zlib
from collections import deque
from collections.abc import Iterable
from pathlib import Path

_HIGHEST = 8192
"""No descriptor of ours is above it: the kernel's table of a process grows with the highest."""
_ROOM = 16


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


Line = tuple[str, bytes]
"""One line of JSON without its line break, and the data behind it."""


class Framing:
    """Ends each line of a file with its number and a checksum that goes on from the line before.

    So nothing is lost unseen: what could not be written for lack of space leaves a gap in the numbers.
    """

    def __init__(self, number: int = 0, checksum: int = 0) -> None:
        self._number = number
        self._checksum = checksum

    def __call__(self, line: Line) -> bytes:
        """The line, its frame, and its data."""
        text, data = line
        body = text[:-1].encode("ascii")
        self._number += 1
        self._checksum = zlib.crc32(data, zlib.crc32(body, self._checksum))
        if not data:
            return b'%b,"n":%d,"crc":%d}\n' % (body, self._number, self._checksum)
        return b'%b,"bytes":%d,"n":%d,"crc":%d}\n%b\n' % (body, len(data), self._number, self._checksum, data)

    def copy(self) -> Framing:
        """One that goes on from here."""
        return Framing(self._number, self._checksum)


class Stream:
    """A file that is opened when the first line is written, and that only this process's recorder writes to.

    The program does as it likes with descriptors: it closes those that it does not know, and gets our number for a file
    of its own. Ours is therefore a high number, and before each write it is looked at whether it still is our file; if
    not, that number is left alone and the file opened again by its path.

    At the end of the file may stand a tail: lines which are true now, and which give way to better ones. A signal's
    handler may run anywhere in here, write lines of its own or raise: what it writes waits its turn.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        """Where the file is, or is to be: where another process of this number wrote one, it gets a name beside it."""
        self._fd: int | None = None
        self._identity: tuple[int, int] | None = None
        self._tail: tuple[Line, ...] = ()
        self._tail_start: int | None = None
        self._framing = Framing()
        """Of the lines before the tail."""
        self._waiting: deque[tuple[tuple[Line, ...], tuple[Line, ...] | None, bool]] = deque()
        self._is_writing = False

    def write(self, line: str, data: bytes = b"") -> None:
        """Append one line of JSON, given without its line break, with data behind it; it goes before the tail."""
        self._put(((line, data),), None)

    def set_tail(self, lines: Iterable[str], before: Iterable[str] = ()) -> None:
        """Put these lines in place of the tail, and others before it for good."""
        self._put(tuple((line, b"") for line in before), tuple((line, b"") for line in lines))

    def seal(self) -> None:
        """The tail stays as it is; what follows goes behind it."""
        self._put((), None, is_sealed=True)

    def _put(self, lines: tuple[Line, ...], tail: tuple[Line, ...] | None, *, is_sealed: bool = False) -> None:
        self._waiting.append((lines, tail, is_sealed))
        if self._is_writing:
            return
        self._is_writing = True
        try:
            while self._waiting:
                self._put_now(*self._waiting.popleft())
        finally:
            self._is_writing = False

    def _put_now(self, lines: tuple[Line, ...], tail: tuple[Line, ...] | None, is_sealed: bool) -> None:
        """Write lines and a tail (None: the same as before) in place of the old tail, with one call."""
        if tail is None:
            tail = self._tail
        if lines or tail != self._tail:
            descriptor, size = self._opened()
            place = size if self._tail_start is None else self._tail_start
            framing = self._framing.copy()
            before = b"".join(map(framing, lines))
            self._replace(descriptor, place, size, before + b"".join(map(framing.copy(), tail)))
            self._tail, self._tail_start, self._framing = tail, place + len(before), framing
        if is_sealed and self._tail_start is not None:
            for line in self._tail:
                self._framing(line)
            self._tail, self._tail_start = (), None

    def _replace(self, descriptor: int, place: int, size: int, data: bytes) -> None:
        """Make this the end of the file, from a place on."""
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, data[written:], place + written)
            if place + len(data) < size:
                os.ftruncate(descriptor, place + len(data))
        except OSError:
            self._tail, self._tail_start = (), None
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, place)  # half a line would make everything behind it unreadable
            raise

    def _opened(self) -> tuple[int, int]:
        """The descriptor, which is our file's for certain, and the size of the file."""
        status = self._status()
        if status is None:
            self._open()
            status = self._status()
        if self._fd is None or status is None or not status.st_nlink:
            raise FileNotFoundError(f"{self.path} was removed while the program ran")
        return self._fd, status.st_size

    def _status(self) -> os.stat_result | None:
        """What our descriptor is; None, and no descriptor, if it is not our file any more."""
        if self._fd is None:
            return None
        try:
            status = os.fstat(self._fd)
        except OSError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != self._identity:
            self._fd = None
            return None
        return status

    def _open(self) -> None:
        if self._identity is not None:
            self._fd = _out_of_the_way(os.open(self.path, os.O_WRONLY | os.O_CLOEXEC))
            return
        stem, number = self.path.stem, 0
        while True:
            try:
                fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                break
            except FileExistsError:  # before an exec in this process, or of one whose number was used again
                number += 1
                self.path = self.path.with_name(f"{stem}_{number:03}.stream")
        self._fd = _out_of_the_way(fd)
        status = os.fstat(self._fd)
        self._identity = status.st_dev, status.st_ino

    def close(self) -> None:
        """Close the file, with its tail as it is; a later write would open it again."""
        self.seal()
        if self._status() is not None and self._fd is not None:
            os.close(self._fd)
        self._fd = None


def _out_of_the_way(fd: int) -> int:
    """The same open file by a number far above those that the program gets, so that it gets those it would get."""
    limit = os.sysconf("SC_OPEN_MAX")
    for least in (min(limit, _HIGHEST) - _ROOM, limit // 2):
        with contextlib.suppress(OSError):  # the numbers from there on are taken, or there are none
            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(least, 3))
            os.close(fd)
            return high
    return fd


class Shelf:
    """Lines that are kept until they are wanted: for `--passes last`, which keeps only the latest pass."""

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def write(self, line: str, data: bytes = b"") -> None:
        """Hold one line back."""
        self._lines.append((line, data))

    def replace(self, path: Path, header: str) -> None:
        """Make a header, and the lines since the last call, the whole content of a file, atomically."""
        beside = path.with_suffix(".part")
        beside.write_bytes(b"".join(map(Framing(), [(header, b""), *self._lines])))
        beside.replace(path)
        self._lines.clear()
