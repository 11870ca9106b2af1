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
import sys
import zlib
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

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


class Frame(NamedTuple):
    """How far a file goes with a line and its data, the number of the line, and the checksum of all until there."""

    end: int
    number: int
    checksum: int


_NOTHING_FRAMED = Frame(0, 0, 0)


def framed(line: Line, before: Frame) -> tuple[bytes, Frame]:
    """A line with its number and a checksum that goes on from the line before, and its data.

    So nothing is lost unseen: what could not be written for lack of space leaves a gap in the numbers.
    """
    text, data = line
    body = text[:-1].encode("ascii")
    number = before.number + 1
    checksum = zlib.crc32(body, before.checksum)
    if data:
        checksum = zlib.crc32(data, checksum)
        whole = b'%b,"bytes":%d,"n":%d,"crc":%d}\n%b\n' % (body, len(data), number, checksum, data)
    else:
        whole = b'%b,"n":%d,"crc":%d}\n' % (body, number, checksum)
    return whole, Frame(before.end + len(whole), number, checksum)


class _Step(NamedTuple):
    """What is to be done: lines, a tail in place of the old one (None: it stays), and whether that stays for good."""

    lines: tuple[Line, ...]
    tail: tuple[str, ...] | None
    is_sealed: bool


class _State(NamedTuple):
    """What the file holds: the frame of the last line that stays, and the tail behind it with its frames.

    Attributes:
        step: what was done last.
    """

    last: Frame
    tail: tuple[str, ...]
    frames: tuple[Frame, ...]
    step: _Step | None


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
        self._state = _State(_NOTHING_FRAMED, (), (), None)
        self._waiting: deque[_Step] = deque()
        self._is_writing = False

    def write(self, line: str, data: bytes = b"") -> None:
        """Append one line of JSON, given without its line break, with data behind it; it goes before the tail."""
        self._put(_Step(((line, data),), None, False))

    def set_tail(self, lines: Iterable[str], before: Iterable[str] = ()) -> None:
        """Put these lines in place of the tail, and others before it for good."""
        self._put(_Step(tuple([(line, b"") for line in before]), tuple(lines), False))

    def seal(self) -> None:
        """The tail stays as it is; what follows goes behind it."""
        if self._state.tail or self._waiting:
            self._put(_Step((), None, True))

    def _put(self, asked: _Step) -> None:
        waiting = self._waiting
        waiting.append(asked)
        if self._is_writing and _runs_outside(sys._getframe(1)):
            return
        try:
            self._is_writing = True  # what a handler raises may leave it so
            while waiting:
                step = waiting[0]
                try:
                    if self._state.step is not step:
                        self._put_now(step)
                except OSError as error:
                    if error.errno is not None or type(error) is FileNotFoundError:  # else it is a handler's
                        self._give_up(step)
                    raise
                waiting.popleft()
        finally:
            self._is_writing = False

    def _put_now(self, step: _Step) -> None:
        """Write lines and a tail (None: the same as before) in place of the old tail, with one call.

        What a signal's handler raises may end it anywhere. Only the last assignment makes it done: until then it is
        done again from the beginning, and puts the same bytes to the same place.
        """
        last, old_tail, old, _ = self._state
        lines, tail, is_sealed = step
        if tail is None:
            tail = old_tail
        frames = old
        if lines or tail != old_tail:
            n_same = 0 if lines else _n_same(old_tail, tail)
            behind = old[n_same - 1] if n_same else last
            first = behind.end
            parts = []
            for line in lines:
                data, behind = framed(line, behind)
                parts.append(data)
            if lines:
                last = behind
            found = [*old[:n_same]]
            for text in tail[n_same:]:
                data, behind = framed((text, b""), behind)
                parts.append(data)
                found.append(behind)
            frames = tuple(found)
            self._replace(first, b"".join(parts))
        if is_sealed and frames:
            last = frames[-1]
            tail, frames = (), ()
        self._state = _State(last, tail, frames, step)

    def _replace(self, place: int, data: bytes) -> None:
        """Make this the end of the file, from a place on."""
        descriptor, size = self._opened()
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], place + written)
        if place + len(data) < size:
            os.ftruncate(descriptor, place + len(data))

    def _give_up(self, step: _Step) -> None:
        """What could not be written is left out, and so is the tail, which may be overwritten by half of it."""
        self._waiting.popleft()
        self._state = self._state._replace(tail=(), frames=(), step=step)
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._state.last.end)  # half a line would make everything behind it unreadable

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
        except OSError as error:
            if error.errno is None:  # it is a handler's
                raise
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


def _n_same(old: tuple[str, ...], new: tuple[str, ...]) -> int:
    """How many lines of two tails are the same from the beginning."""
    n_same = 0
    for before, now in zip(old, new, strict=False):
        if before != now:
            break
        n_same += 1
    return n_same


def _runs_outside(frame: FrameType | None) -> bool:
    """Whether a stream writes that was interrupted by what this frame runs."""
    while frame is not None:
        if frame.f_code is Stream._put.__code__:
            return True
        frame = frame.f_back
    return False


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
        frame, parts = _NOTHING_FRAMED, []
        for line in [(header, b""), *self._lines]:
            data, frame = framed(line, frame)
            parts.append(data)
        beside.write_bytes(b"".join(parts))
        beside.replace(path)
        self._lines.clear()
