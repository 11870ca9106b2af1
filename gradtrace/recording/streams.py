"""What processes wrote, wherever it lies: the streams of a session, single streams, and recordings merged before."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gradtrace.files import open_regular
from gradtrace.recording.damage import Damage
from gradtrace.recording.frames import Frames, Line, lines_of, unframed
from gradtrace.recording.lines import LONGEST, decode, plain
from gradtrace.recording.records import HeaderRecord, ProcessRecord, StatusRecord, WorldRecord

_LATEST = "last-"
_TELLING = frozenset({"leaf", "optimizer", "pass", "event", "error", "note", "blind"})
"""Kinds of lines that make a process worth a number of its own."""
_OF_LATEST_PASS = frozenset(
    {
        *("location", "leaf", "optimizer", "spec", "node_kind", "graph", "pass", "state", "flow", "measured"),
        *("accumulations", "pass_end"),
    }
)
_OF_FILE = frozenset({"header", "status"})
_SAID_BY_FILE = frozenset({"header", "process", "status", "world"})
_HEAD = re.compile(rb'\s*\{\s*"t"\s*:\s*"(\w+)"')
_CUT = "ends in the middle of a line"


class _Kind(msgspec.Struct):
    t: str


_KIND = msgspec.json.Decoder(_Kind)


@dataclass(slots=True)
class Stream:
    """What one program of a process wrote: a part of a file.

    Attributes:
        start: where its lines begin in the file.
        stop: where the last whole one ends.
        place: which of the parts of its file it is.
        is_merged: the file is a recording, whose parts stand in order.
        source: which of the files or folders that are to be merged it comes from.
        tells_something: anything but the import of torch was seen.
        is_member: it is known to have joined a process group, as the rank that its header has.
        damage: why the lines end there, if that is not their end.
        status: how the program ended, where the file says so.
        latest: the file that holds only the latest pass.
    """

    path: Path
    header: HeaderRecord
    start: int
    stop: int
    place: int = 0
    is_merged: bool = False
    source: int = 0
    tells_something: bool = False
    is_member: bool = False
    damage: str | None = None
    status: int | None = None
    latest: Path | None = None

    def lines(self) -> Iterator[tuple[str, Line]]:
        """Its records as JSON without frames, with their kinds."""
        left = self.stop - self.start
        with open_regular(self.path) as file:
            file.seek(self.start)
            for line in lines_of(file, LONGEST):
                if left <= 0:
                    return
                left -= line.length
                kind = _kind(line.text)
                if kind is not None and kind not in _OF_FILE:
                    yield kind, unframed(line)

    def latest_lines(self) -> Iterator[tuple[str, Line]]:
        """The lines of the latest pass and what they refer to; nothing that the stream itself says too."""
        if self.latest is not None:
            for part in parts(self.latest):
                yield from (line for line in part.lines() if line[0] in _OF_LATEST_PASS)


def parts(path: Path) -> list[Stream]:
    """What each process wrote to a file, up to the first line that is not whole; none if it has no whole header.

    A stream is one part, or several if its process replaced its program (`os.execv`); a recording has as many as
    processes.

    Raises:
        OSError: it cannot be read, or is not a file.
    """
    reader = _Parts(path)
    with open_regular(path) as file:
        for number, line in enumerate(lines_of(file, LONGEST), 1):
            try:
                reader.take(line)
            except Damage as damage:
                reader.end(f"is damaged at line {number}: {damage}" if line.is_whole else _CUT)
                break
    return reader.found


class _Parts:
    """Finds where each part of a file begins and ends."""

    def __init__(self, path: Path) -> None:
        self.found: list[Stream] = []
        self._path = path
        self._frames = Frames()
        self._at = 0
        self._process = 0

    def take(self, line: Line) -> None:
        """The next line; raises `Damage`."""
        if not line.is_whole:
            raise Damage(_CUT)
        head = _HEAD.match(line.text)
        if head is not None and head[1] == b"header":
            self._frames = Frames()  # a program that took the place of another begins anew
        self._frames.check(line)
        kind = _kind(line.text) if head is None else head[1].decode()
        if kind is None:
            raise Damage("it is not JSON")
        match decode(line.text) if kind in _SAID_BY_FILE else None:
            case HeaderRecord() as header:
                self._begin(header)
            case _ if not self.found:
                raise Damage("it is not a header")
            case ProcessRecord() as process:
                self._switch(process)
            case WorldRecord() as world:
                part = self.found[-1]
                part.header = msgspec.structs.replace(part.header, rank=world.rank, world_size=world.size)
                part.is_member = True
            case StatusRecord() as ended if ended.process == 0:
                self.found[0].status = ended.status
        self._at += line.length
        self.found[-1].stop = self._at
        self.found[-1].tells_something |= kind in _TELLING

    def end(self, why: str) -> None:
        """Nothing after this can be read."""
        if self.found:
            self.found[-1].damage = why

    def _begin(self, header: HeaderRecord) -> None:
        self.found.append(Stream(self._path, header, self._at, self._at, len(self.found)))

    def _switch(self, record: ProcessRecord) -> None:
        """Another process's lines follow; the first one's header may be its own."""
        if record.process != self._process:
            self._begin(self.found[0].header)
            self._process = record.process
        part = self.found[-1]
        names = {"pid": record.pid, "rank": record.rank, "world_size": record.world_size}
        part.header = msgspec.structs.replace(part.header, **names)
        part.is_merged = True
        if record.is_truncated:
            part.damage = record.damage or _CUT


def _kind(line: bytes) -> str | None:
    try:
        return _KIND.decode(line).t
    except (ValueError, RecursionError):
        pass
    try:
        kind = plain(line)["t"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return kind if isinstance(kind, str) else None


def has_streams(folder: Path) -> bool:
    """Whether it is a folder of streams that were never merged."""
    return any(folder.glob("*.stream"))


def find_streams(*sources: Path) -> list[Stream]:
    """All streams in these folders and files that have a header and saw something, in the order of their processes.

    By rank, parents before their children, then by process id. If none saw anything, the first of all.

    Raises:
        OSError: one cannot be read.
    """
    found: list[Stream] = []
    for number, source in enumerate(sources):
        streams = _of_session(source) if source.is_dir() else parts(source)
        for stream in streams:
            stream.source = number
        found += streams
    ordered = _ordered(found)
    ranks = {stream.header.rank for stream in ordered if stream.tells_something}
    kept: list[Stream] = []
    for stream in ordered:
        if stream.tells_something or stream.header.rank not in {None, *ranks}:  # a rank that came to nothing is one too
            ranks.add(stream.header.rank)
            kept.append(stream)
    return kept or ordered[:1]


def ranks_in(streams: Iterable[Stream]) -> tuple[dict[int, set[int]], set[int]]:
    """By rank: from which sources something of it comes; and of how many ranks the processes know."""
    ranks: dict[int, set[int]] = {}
    sizes: set[int] = set()
    for stream in streams:
        header = stream.header
        if header.rank is not None:
            ranks.setdefault(header.rank, set()).add(stream.source)
            if header.world_size is not None:
                sizes.add(header.world_size)
    return ranks, sizes


def _of_session(session: Path) -> list[Stream]:
    """The streams of a run; what holds only the latest pass of one is joined to it."""
    streams: list[Stream] = []
    latest: list[Stream] = []
    for path in sorted(session.glob("*.stream")):
        (latest if path.name.startswith(_LATEST) else streams).extend(parts(path))
    for one in latest:
        owner = next((stream for stream in streams if one.path.name == _LATEST + stream.path.name), None)
        if owner is None:
            streams.append(one)
        else:
            owner.latest = one.path
            owner.tells_something = True
    return streams


def _ordered(streams: list[Stream]) -> list[Stream]:
    parents = {(stream.source, stream.header.pid): stream.header.parent_pid for stream in streams}

    def depth(source: int, pid: int) -> int:
        seen: set[int] = set()
        while (source, pid) in parents and pid not in seen:
            seen.add(pid)
            pid = parents[source, pid]
        return len(seen)

    def key(stream: Stream) -> tuple[int, ...]:
        rank, pid = -1 if stream.header.rank is None else stream.header.rank, stream.header.pid
        family = (0, 0) if stream.is_merged else (depth(stream.source, pid), pid)
        return (rank, stream.source, *family, stream.place)

    return sorted(streams, key=key)
