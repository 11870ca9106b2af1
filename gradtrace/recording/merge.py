"""From the streams of all processes of a run to one recording."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gradtrace.errors import RecordingError
from gradtrace.files import PRIVATE, read_regular, replacing
from gradtrace.model.format import FORMAT_NAME, FORMAT_VERSION
from gradtrace.recording.frames import Framing, Line
from gradtrace.recording.records import (
    BlindRecord,
    HeaderRecord,
    ProcessRecord,
    Record,
    StatusRecord,
)
from gradtrace.recording.redaction import Redaction
from gradtrace.recording.streams import Stream, find_streams
from gradtrace.version import __version__

_LARGEST_CONFIG = 10_000_000


def merge(
    *sources: Path,
    target: Path,
    status: int | None = None,
    redaction: Redaction | None = None,
    blind: Iterable[BlindRecord] = (),
) -> None:
    """Write one recording of all that processes left.

    Streams are copied line by line, so that memory does not grow with them. One that was cut short or damaged is copied
    up to its last whole line. Without any stream the recording has a header alone. `target` is replaced at once or not
    at all, and only its owner may read a new one.

    Args:
        sources: folders of streams, streams, and recordings.
        target: the recording.
        status: how the program ended; None: as the sources say.
        redaction: what is to be left out.
        blind: what the parent knows of gaps.

    Raises:
        OSError: `target` cannot be written, or a source not be read.
        RecordingError: no source has a whole header, and it is not known how the program ended.
    """
    records = _records(sources, status, redaction, blind)
    if redaction is not None:
        records = map(redaction.line, records)
    with replacing(target, PRIVATE) as file:
        file.writelines(map(Framing(), records))


def _records(
    sources: tuple[Path, ...], status: int | None, redaction: Redaction | None, blind: Iterable[BlindRecord]
) -> Iterator[Line]:
    streams = find_streams(*sources)
    if not streams and status is None:
        raise RecordingError(f"nothing in {sources[0]} begins with a whole header: there is nothing to be saved")
    header = streams[0].header if streams else _made_up_header(sources[0])
    header = msgspec.structs.replace(header, version=max(FORMAT_VERSION, header.version))
    yield _json(header if redaction is None else redaction.header(header))
    yield from map(_json, blind)
    for number, stream in enumerate(streams):
        header = stream.header
        process = ProcessRecord(number, header.pid, header.rank, world_size=header.world_size)
        again = _json(process)
        damage = stream.damage
        yield _json(msgspec.structs.replace(process, is_truncated=damage is not None, damage=damage))
        is_own = stream.is_merged  # the line that begins this process in its file is written anew
        for kind, record in stream.lines():
            if kind != "process" or not is_own:
                yield again if kind == "process" else record
            is_own = is_own and kind != "process"
        if stream.latest is not None:
            yield again
            yield from (record for _, record in stream.latest_lines())
    ending = _ending(streams) if status is None else status
    if ending is not None:
        yield _json(StatusRecord(ending))


def _ending(streams: list[Stream]) -> int | None:
    """How all ended: the first that failed counts, and nothing is known if the end of one is missing."""
    endings: dict[int, int | None] = {stream.source: None for stream in streams}
    for stream in streams:
        if stream.status is not None:
            endings[stream.source] = stream.status
    if not endings or None in endings.values():
        return None
    return next((one for one in endings.values() if one), 0)


def _json(record: Record) -> Line:
    return Line(msgspec.json.encode(record))


def _made_up_header(session: Path) -> HeaderRecord:
    """What is known of a program that never imported torch."""
    try:
        config: Any = msgspec.json.decode(read_regular(session / "config.json", _LARGEST_CONFIG))
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
