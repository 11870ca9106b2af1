"""What a recording need not tell others: the words that a program was started with, and where its files lie."""

import json
import re
from pathlib import Path

import msgspec

from gradtrace.recording.frames import Line
from gradtrace.recording.records import HeaderRecord

HIDDEN = "[redacted]"
"""Stands for a word that was left out."""


class Redaction:
    """Leaves out the words after a program's name, and makes paths below two folders relative to these.

    Args:
        here: the folder whose name is left out: of `HERE/models/net.py`, `models/net.py` stays.
        home: the folder that becomes `~`.
    """

    def __init__(self, here: Path, home: Path) -> None:
        self._rules: list[tuple[re.Pattern[bytes], bytes]] = []
        for folder, put in ((here, b""), (home, b"~/")):
            name = json.dumps(str(folder)).strip('"').encode()
            if len(name) > 1:  # everything lies below /
                self._rules.append((re.compile(rb"(?<![\w.~-])%b/" % re.escape(name)), put))
                self._rules.append(
                    (re.compile(rb"(?<![\w.~-])%b(?![\w.-])" % re.escape(name)), put.rstrip(b"/") or b".")
                )

    def header(self, header: HeaderRecord) -> HeaderRecord:
        """The first line without the program's words; a command, and code after -c, keep their first word."""
        target = header.target
        is_line = header.argv and target.endswith(f" {' '.join(header.argv)}")
        if is_line or target.startswith("-c "):
            target = f"{target.split(' ', 1)[0]} {HIDDEN}"
        return msgspec.structs.replace(header, argv=[HIDDEN] * len(header.argv), target=target)

    def line(self, line: Line) -> Line:
        """A line without the names of the two folders, wherever they stand in a text."""
        text = line.text
        for pattern, put in self._rules:
            text = pattern.sub(put, text)
        return Line(text, line.data)
