"""The number and the checksum at the end of each line: so that no line is lost, doubled, moved or changed unseen."""

import re
from zlib import crc32

from gradtrace.recording.damage import Damage

_FRAME = re.compile(rb',"n":(\d{1,18}),"crc":(\d{1,10})\}[\r\n]*\Z')
_LONGEST = 64


class Framing:
    """Gives the lines of a file their frames, as the recorder does: each checksum goes on from the one before."""

    def __init__(self) -> None:
        self._number = 0
        self._checksum = 0

    def __call__(self, record: bytes) -> bytes:
        """The record, a JSON object without a line break, as a line."""
        body = record[:-1]
        self._number += 1
        self._checksum = crc32(body, self._checksum)
        return b'%b,"n":%d,"crc":%d}\n' % (body, self._number, self._checksum)


class Frames:
    """Checks the frames of a file, line after line; `are_due` says that every line has one."""

    def __init__(self) -> None:
        self.are_due = False
        self._number = 0
        self._checksum = 0

    def check(self, line: bytes) -> bool:
        """Whether the line has a frame; raises `Damage` if it is not what was written at this place."""
        frame = _FRAME.search(line, max(0, len(line) - _LONGEST))
        if frame is None:
            if self.are_due:
                raise Damage("it lacks its checksum")
            return False
        self.are_due = True
        self._number += 1
        self._checksum = crc32(memoryview(line)[: frame.start()], self._checksum)
        number, checksum = int(frame[1]), int(frame[2])
        if number != self._number:
            raise Damage(f"line {number} stands where line {self._number} was: a line was lost, doubled or moved")
        if checksum != self._checksum:
            raise Damage("it is not what was written")
        return True


def record_of(line: bytes) -> bytes:
    """The JSON object of a line without its frame."""
    frame = _FRAME.search(line, max(0, len(line) - _LONGEST))
    return line.rstrip(b"\r\n") if frame is None else line[: frame.start()] + b"}"
