"""Turns what the recorder knows into lines of the stream, each definition once."""

from __future__ import annotations

import dis
import itertools
import linecache
import os
import sys
import threading
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from gradtrace.model.format import FORMAT_NAME, FORMAT_VERSION
from gradtrace.recorder import torch_facts
from gradtrace.recorder.config import Config
from gradtrace.recorder.kernel_cells import KernelCells
from gradtrace.recorder.reloading import function_name, reloaded
from gradtrace.recorder.sites import Place
from gradtrace.recorder.stream import Shelf, Stream, encode, plain_text
from gradtrace.recorder.tables import Tables
from gradtrace.version import __version__

_MAX_TEXT = 2_000
_MAX_LINES = 12
_LONGEST_NUMBER = 10
_UTF8 = ("utf-8", "surrogatepass")
_positions: dict[int, tuple[types.CodeType, list[tuple[int | None, ...]]]] = {}


def positions(code: types.CodeType, instruction: int) -> tuple[int, int, int, int]:
    """Line, column, end line and end column of an instruction; columns are offsets in UTF-8 bytes, -1 when unknown."""
    known = _positions.get(id(code))
    if known is None:
        if len(_positions) > 10_000:  # noqa: PLR2004
            _positions.clear()
        known = _positions[id(code)] = (code, list(code.co_positions()))
    table = known[1]
    index = instruction // 2
    line, end_line, column, end_column = table[index] if 0 <= index < len(table) else (None, None, None, None)
    first = line or code.co_firstlineno
    return (first, -1 if column is None else column, end_line or first, -1 if end_column is None else end_column)


def _characters(line: str, offset: int) -> int:
    """The column, from 1, in characters, of an offset in UTF-8 bytes."""
    if line.isascii():
        return offset + 1
    return len(line.encode(*_UTF8)[:offset].decode("utf-8", "replace")) + 1


def _n_bytes(line: str) -> int:
    return len(line.encode(*_UTF8))


def _number(variable: str) -> int | None:
    """A whole number that a launcher of ranks has put into the environment."""
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER else None


class Journal:
    """Writes one process's stream."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.last_pass_index = 0
        self._cells = KernelCells(config.notebooks)
        self.stream = Stream(self._path())
        self.begin_stream()

    def begin_stream(self) -> None:
        """Start an own stream: at the start, and again in the child after a fork, where the parent's is closed."""
        self._lock = threading.RLock()
        self._locations: dict[tuple[Any, ...], int] = {}
        self._texts: dict[int, dict[str, Any]] = {}
        self._new_location = itertools.count()
        self.process = os.getpid()
        self.stream.close()
        self.stream = Stream(self._path())
        self.tables = Tables(self)
        self._shelf = Shelf() if self.config.passes == "last" else None
        self._tail_owner: object = None
        self._has_header = self._has_world = False
        self.world_size = 1

    def _path(self) -> Path:
        return self.config.session / f"{os.getpid()}.stream"

    def write(self, record: dict[str, Any]) -> None:
        """Append a record."""
        self._append(encode(record))

    def write_encoded(self, line: str, data: bytes = b"") -> None:
        """Append a record that is JSON already, and data behind it."""
        self._append(line, data)

    def write_columns(self, record: dict[str, Any], data: bytes) -> None:
        """Append a record with columns behind it that belongs to no pass."""
        self._append(encode(record), data)

    def write_pass(self, record: dict[str, Any], data: bytes = b"") -> None:
        """Append a record that belongs to a full pass, and data behind it."""
        line = encode(record)
        if self._shelf is None:
            self._append(line, data)
        else:
            self._shelf.write(line, data)

    @property
    def keeps_latest(self) -> bool:
        """Whether only the latest pass is kept, in a file of its own."""
        return self._shelf is not None

    def end_pass(self) -> None:
        """A full pass is written; when only the latest is wanted, it takes the place of the one before."""
        if self._shelf is not None:
            self.write_header()
            self._shelf.replace(self.stream.path.with_name(f"last-{self.stream.path.name}"), encode(self._header()))

    def _append(self, line: str, data: bytes = b"") -> None:
        with self._lock:
            if not self._has_header:
                self.write_header()
            self.stream.write(line, data)

    def set_tail(self, owner: object, lines: Iterable[str], head: Iterable[str] = ()) -> None:
        """Put encoded records at the end of the stream: in place of those that stand there, if they are the owner's.

        Args:
            owner: whoever may replace them again.
            lines: what may be replaced.
            head: what goes before it, for good.
        """
        with self._lock:
            if not self._has_header:
                self.write_header()
            if self._tail_owner is not owner:
                self.seal()
            self.stream.set_tail(lines, head)
            self._tail_owner = owner

    def is_tail_of(self, owner: object) -> bool:
        """Whether what stands at the end can still be replaced by its owner."""
        return self._tail_owner is owner

    def seal(self) -> None:
        """Nothing takes the place any more of what `set_tail` wrote."""
        with self._lock:
            self.stream.seal()
            self._tail_owner = None

    def write_header(self) -> None:
        """Say that torch was imported here, even if nothing more follows."""
        with self._lock:
            if not self._has_header:
                self.stream.write(encode(self._header()))
                self._has_header = True

    def _header(self) -> dict[str, Any]:
        config = self.config
        return {
            "t": "header",
            "format": FORMAT_NAME,
            "version": FORMAT_VERSION,
            "pid": self.process,
            "parent_pid": os.getppid(),
            "target": plain_text(config.target),
            "argv": [plain_text(word) for word in config.argv],
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": str(torch.__version__),
            "gradtrace": __version__,
            "device": config.device or "cpu",
            "seed": config.seed,
            "rank": _number("RANK"),
            "expression": None if config.expression is None else plain_text(config.expression),
            "facts": config.facts,
            "level": config.level,
            "world_size": _number("WORLD_SIZE"),
        }

    def join_world(self) -> None:
        """Say which rank this process is, as soon as it has joined a process group."""
        if not self._has_world:
            world = torch_facts.world()
            if world is not None:
                self._has_world = True
                self.world_size = world[1]
                self.write({"t": "world", "rank": world[0], "size": world[1]})

    def end(self) -> None:
        """Say that the program came to its end, where several ranks run and some may not."""
        if self._has_world or _number("RANK") is not None:
            self.write({"t": "end"})

    def place(self, place: Place | None) -> int | None:
        """The id of a place, defined on first use."""
        if place is None:
            return None
        key = place.key
        known = self._locations.get(key)
        return self._locate(key, place.code, place.instruction, place.via) if known is None else known

    def _locate(self, key: tuple[Any, ...], code: types.CodeType, instruction: int, via: Place | None = None) -> int:
        with self._lock:
            known = self._locations.get(key)
            if known is not None:
                return known
            line, column, end_line, end_column = positions(code, instruction)
            return self._define(key, code, (line, column, end_line, end_column), self.place(via))

    def function(self, code: types.CodeType) -> int:
        """The id of the place where a function is defined."""
        with self._lock:
            key = (id(code), "def")
            known = self._locations.get(key)
            if known is not None:
                return known
            return self._define(key, code, (code.co_firstlineno, -1, code.co_firstlineno, -1))

    def result(self, code: types.CodeType) -> int:
        """The id of the place of a function's last `return`: what it gives back is written there."""
        returns = [one.offset for one in dis.get_instructions(code) if one.opname in ("RETURN_VALUE", "RETURN_CONST")]
        return self._locate((id(code), "return"), code, returns[-1]) if returns else self.function(code)

    def _define(
        self, key: tuple[Any, ...], code: types.CodeType, span: tuple[int, int, int, int], via: int | None = None
    ) -> int:
        span = reloaded(code, span)
        line, column, end_line, end_column = span
        shown, n_before, cell, has_columns = self._cells.named(code.co_filename, code.co_names, span)
        numbers = range(line, min(end_line, line + _MAX_LINES) + 1)
        lines = [linecache.getline(code.co_filename, number).rstrip("\r\n") for number in numbers]
        if cell is not None:
            seen = [one.rstrip() for one in cell[line - 1 + n_before : numbers.stop - 1 + n_before]] or [""]
            if seen != lines and (any(lines) or not has_columns):  # something else runs in place of what is seen
                column = end_column = -1
            lines = seen
        first, last = lines[0], lines[-1]
        if any(lines) and (column > _n_bytes(first) or (numbers[-1] == end_line and end_column > _n_bytes(last))):
            column = end_column = -1  # a magic, in place of which something longer was compiled
        start = (line + n_before, _characters(first, column) if column >= 0 else 1)
        end = (end_line + n_before, _characters(last, end_column) if end_column >= 0 else len(last) + 1)
        number = self._write_location(key, shown, start, end, function_name(code), "\n".join(lines), via)
        self._locations[key, "code"] = code  # type: ignore[assignment] # keeps the id of the code from being reused
        return number

    def line(self, file: str, line: int, function: str, span: tuple[int, int] | None = None) -> int:
        """The id of a line of which no code is at hand.

        Args:
            file: its file.
            line: its number.
            function: the function that it stands in.
            span: how many characters of its text come first, and how many are meant; None for the whole line.
        """
        key = (file, line, function, span)
        with self._lock:
            known = self._locations.get(key)
            if known is not None:
                return known
            text = linecache.getline(file, line).rstrip("\r\n")
            first = len(text) - len(text.lstrip()) + (0 if span is None else span[0])
            end = len(text) if span is None else min(len(text), first + span[1])
            shown, n_before, *_ = self._cells.named(file)
            number = line + n_before
            return self._write_location(key, shown, (number, first + 1), (number, max(end, first) + 1), function, text)

    def _write_location(
        self,
        key: tuple[Any, ...],
        file: str,
        start: tuple[int, int],
        end: tuple[int, int],
        function: str,
        text: str,
        via: int | None = None,
    ) -> int:
        """Write a place down, and know it by its key from here on; lines and columns count from 1."""
        record: dict[str, Any] = {
            "t": "location",
            "id": next(self._new_location),
            "file": plain_text(file),
            "line": start[0],
            "column": start[1],
            "end_line": end[0],
            "end_column": end[1],
            "function": plain_text(function),
            "text": plain_text(text[:_MAX_TEXT]),
        }
        if via is not None:
            record["via"] = via
        number: int = record["id"]
        self.write(record)
        self._locations[key] = number
        self._texts[number] = record
        return number

    def close(self) -> None:
        """Close the file; a note that still comes opens it again."""
        self.stream.close()
        self._tail_owner = None

    def location(self, number: int) -> dict[str, Any]:
        """The fields of a location."""
        return self._texts[number]

    def note(self, text: str) -> None:
        """Leave a sentence for the reader of the recording."""
        self.write({"t": "note", "text": plain_text(text)})

    def blind(self, reason: str, text: str = "", count: int = 1) -> None:
        """Say that something was not looked at; `reason` is one of `gradtrace.model.Blind`."""
        index = self.last_pass_index
        self.write({"t": "blind", "reason": reason, "text": plain_text(text), "count": count, "pass_index": index})

    @property
    def session(self) -> Path:
        """The folder of streams."""
        return self.config.session
