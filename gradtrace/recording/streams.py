"""The streams of a session: which there are, whose they are, and in which order they are merged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gradtrace.recording.damage import Damage
from gradtrace.recording.lines import decode, plain
from gradtrace.recording.records import HeaderRecord

_LATEST = "last-"
_TELLING = frozenset({"leaf", "optimizer", "pass", "event", "error", "note", "blind"})
"""Kinds of lines that make a process worth a number of its own."""
_OF_LATEST_PASS = frozenset(
    {"location", "leaf", "optimizer", "pass", "nodes", "edges", "stats", "flow", "accumulations", "pass_end"}
)


class _Kind(msgspec.Struct):
    t: str


_KIND = msgspec.json.Decoder(_Kind)


@dataclass(frozen=True, slots=True)
class Stream:
    """What one process wrote; `latest` is the file that holds only its latest pass."""

    path: Path
    header: HeaderRecord
    latest: Path | None = None

    @property
    def tells_something(self) -> bool:
        """Whether anything but the import of torch was seen."""
        return self.latest is not None or any(kind in _TELLING for kind, _ in whole_lines(self.path))

    @property
    def is_truncated(self) -> bool:
        """Whether it ends in the middle of a line, or cannot be read to its end."""
        n_whole = sum(len(line) for _, line in whole_lines(self.path))
        return n_whole != self.path.stat().st_size

    def lines(self) -> Iterator[bytes]:
        """Its whole lines, without the header."""
        return (line for kind, line in whole_lines(self.path) if kind != "header")

    def latest_lines(self) -> Iterator[bytes]:
        """The lines of the latest pass and what they refer to; nothing that the stream itself says too."""
        if self.latest is not None:
            yield from (line for kind, line in whole_lines(self.latest) if kind in _OF_LATEST_PASS)


def whole_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """The lines of a file with their kinds, up to the first that is not a whole JSON object."""
    with path.open("rb") as file:
        for line in file:
            kind = _kind(line) if line.endswith(b"\n") else None
            if kind is None:
                return
            yield kind, line


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


def find_streams(session: Path) -> list[Stream]:
    """All streams that have a header and saw something, in the order in which processes are numbered.

    By rank, parents before their children, then by process id. If none saw anything, the first of all.
    """
    latest: dict[str, Path] = {}
    streams: list[Stream] = []
    for path in sorted(session.glob("*.stream")):
        header = _header(path)
        if header is None:
            continue
        if path.name.startswith(_LATEST):
            latest[path.name.removeprefix(_LATEST)] = path
        else:
            streams.append(Stream(path, header))
    owners = {stream.path.name: position for position, stream in enumerate(streams)}
    for name, path in latest.items():
        if name in owners:
            owner = streams[owners[name]]
            streams[owners[name]] = Stream(owner.path, owner.header, path)
        elif (header := _header(path)) is not None:
            streams.append(Stream(path, header))
    ordered = _ordered(streams)
    return [stream for stream in ordered if stream.tells_something] or ordered[:1]


def _header(path: Path) -> HeaderRecord | None:
    """The first line, if it is a header and whole."""
    with path.open("rb") as file:
        line = file.readline()
    try:
        record = decode(line) if line.endswith(b"\n") else None
    except Damage:
        return None
    return record if isinstance(record, HeaderRecord) else None


def _ordered(streams: list[Stream]) -> list[Stream]:
    parents = {stream.header.pid: stream.header.parent_pid for stream in streams}

    def depth(pid: int) -> int:
        seen: set[int] = set()
        while pid in parents and pid not in seen:
            seen.add(pid)
            pid = parents[pid]
        return len(seen)

    def key(stream: Stream) -> tuple[int, int, int, str]:
        rank = stream.header.rank
        return (-1 if rank is None else rank, depth(stream.header.pid), stream.header.pid, stream.path.name)

    return sorted(streams, key=key)
