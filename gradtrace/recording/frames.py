"""The number and the checksum at the end of each line: so that no line is lost, doubled, moved or changed unseen."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple
from zlib import crc32

from gradtrace.recording.damage import Damage

_FRAME = re.compile(rb'(?:,"bytes":(\d{1,12}))?,"n":(\d{1,18}),"crc":(\d{1,10})\}[\r\n]*\Z')
_LONGEST = 96


class Line(NamedTuple):
    """A line of a file, with the data that stands behind it."""

    text: bytes
    data: bytes = b""
    is_whole: bool = True
    """It ends in a line break, and so does its data."""

    @property
    def length(self) -> int:
        """How many bytes of the file it is; only of a whole line."""
        return len(self.text) + (len(self.data) + 1 if self.data else 0)


def lines_of(file: BinaryIO, longest: int) -> Iterator[Line]:
    """The lines of a file; of one that is longer than any that is written only the beginning, so memory is safe."""
    while text := file.readline(longest):
        is_whole = text.endswith(b"\n")
        frame = _FRAME.search(text, max(0, len(text) - _LONGEST)) if is_whole else None
        if frame is None or not frame[1]:
            yield Line(text, is_whole=is_whole)
            continue
        n_bytes = int(frame[1])
        data = file.read(min(n_bytes + 1, longest))
        if len(data) <= n_bytes:
            yield Line(text, data, is_whole=len(data) == n_bytes)
        else:
            yield Line(text, data[:-1] if data.endswith(b"\n") else data)


class Framing:
    """Gives the lines of a file their frames, as the recorder does: each checksum goes on from the one before."""

    def __init__(self) -> None:
        self._number = 0
        self._checksum = 0

    def __call__(self, line: Line) -> bytes:
        """The line, a JSON object without frame and line break, as it stands in a file."""
        body, data = line.text[:-1], line.data
        self._number += 1
        self._checksum = crc32(data, crc32(body, self._checksum))
        if not data:
            return b'%b,"n":%d,"crc":%d}\n' % (body, self._number, self._checksum)
        return b'%b,"bytes":%d,"n":%d,"crc":%d}\n%b\n' % (body, len(data), self._number, self._checksum, data)


class Frames:
    """Checks the frames of a file, line after line."""

    def __init__(self) -> None:
        self._number = 0
        self._checksum = 0

    def check(self, line: Line) -> None:
        """Raise `Damage` if the line is not what was written at this place."""
        text = line.text
        frame = _FRAME.search(text, max(0, len(text) - _LONGEST))
        if frame is None:
            raise Damage("it lacks its checksum")
        self._number += 1
        self._checksum = crc32(line.data, crc32(memoryview(text)[: frame.start()], self._checksum))
        number, checksum = int(frame[2]), int(frame[3])
        if number != self._number:
            raise Damage(f"line {number} stands where line {self._number} was: a line was lost, doubled or moved")
        if checksum != self._checksum:
            raise Damage("it is not what was written")


def unframed(line: Line) -> Line:
    """The JSON object of a line without its frame, and its data."""
    text = line.text
    frame = _FRAME.search(text, max(0, len(text) - _LONGEST))
    return Line(text.rstrip(b"\r\n") if frame is None else text[: frame.start()] + b"}", line.data)
