"""From the streams of all processes of a run to one recording."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gradtrace import __version__
from gradtrace.model.format import FORMAT_NAME, FORMAT_VERSION
from gradtrace.recording.records import (
    BlindRecord,
    HeaderRecord,
    ProcessRecord,
    Record,
    StatusRecord,
)
from gradtrace.recording.streams import find_streams


def merge(session: Path, *, status: int, target: Path, blind: Iterable[BlindRecord] = ()) -> None:
    """Write one recording of all that the processes of a run left in `session`.

    Streams are copied line by line, so that memory does not grow with them. One that was cut short is copied up to its
    last whole line. Without any stream the recording has a header alone. `blind` is what the parent knows of gaps.
    `target` is replaced at once or not at all.

    Raises:
        OSError: `target` cannot be written.
    """
    _write(target, _lines(session, status, blind))


def _lines(session: Path, status: int, blind: Iterable[BlindRecord]) -> Iterator[bytes]:
    streams = find_streams(session)
    yield _line(streams[0].header if streams else _made_up_header(session))
    yield from map(_line, blind)
    for number, stream in enumerate(streams):
        header = stream.header
        yield _line(ProcessRecord(number, header.pid, header.rank, stream.is_truncated))
        yield from stream.lines()
        if stream.latest is not None:
            yield _line(ProcessRecord(number, header.pid, header.rank))
            yield from stream.latest_lines()
    yield _line(StatusRecord(status))


def _line(record: Record) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def _made_up_header(session: Path) -> HeaderRecord:
    """What is known of a program that never imported torch."""
    try:
        config: Any = msgspec.json.decode((session / "config.json").read_bytes())
    except (OSError, ValueError):
        config = {}
    return HeaderRecord(
        format=FORMAT_NAME,
        version=FORMAT_VERSION,
        pid=0,
        parent_pid=0,
        target=config.get("target") or "",
        argv=config.get("argv") or [],
        python="",
        torch="",
        gradtrace=__version__,
        device=config.get("device") or "cpu",
        seed=config.get("seed"),
        expression=config.get("expression"),
    )


def _write(target: Path, lines: Iterator[bytes]) -> None:
    """Put the lines where `target` is: by renaming, unless it is a device or a pipe, which must stay what it is."""
    place = target.resolve()
    if place.exists() and not place.is_file():
        with place.open("wb") as file:
            file.writelines(lines)
        return
    beside = place.with_name(f".gradtrace-{os.getpid()}.part")
    try:
        with beside.open("xb") as file:
            file.writelines(lines)
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
