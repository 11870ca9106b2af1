"""From bytes to records, one line at a time."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from gradtrace.model.format import FORMAT_VERSION
from gradtrace.recording.damage import Damage
from gradtrace.recording.frames import Frames, lines_of
from gradtrace.recording.records import (
    AccumulationsRecord,
    AnyRecord,
    ColumnsRecord,
    CutRecord,
    EventRecord,
    FlowRecord,
    HolderRecord,
    LeafRecord,
    ModuleFactRecord,
    ObservationRecord,
    PassRecord,
    SharingRecord,
)

LONGEST = 1 << 30
"""Bytes of a line, or of the data behind one; of a pass with ten million nodes they are fewer."""

_DECODER: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
_KNOWN_KINDS = frozenset(record.__struct_config__.tag for record in AnyRecord.__args__)


class RecordLines:
    """The records of an open file, in order.

    Attributes:
        number: the line that was read last, from 1.
        is_truncated: the last line is not whole; it was left out.
        n_unknown: lines of a newer minor version that are of a kind, or name one, that this version does not know.
        is_newer: there may be kinds of records that only a newer minor version knows; they are skipped.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0
        self.is_truncated = False
        self.is_newer = False
        self.n_unknown = 0
        self._frames = Frames()

    def __iter__(self) -> Iterator[tuple[AnyRecord, bytes]]:
        """Decode line after line, each with the data behind it; raises `Damage` at a whole line that is no record."""
        for line in lines_of(self._file, LONGEST):
            self.number += 1
            if line.text.isspace():
                continue
            try:
                self._frames.check(line)
                record = decode(line.text)
            except Damage:
                if not line.is_whole:
                    self.is_truncated = True
                    return
                if self.is_newer and _is_of_unknown_kind(line.text):
                    self.n_unknown += 1
                    continue
                raise
            if _names_unknown_kind(record):
                if not self.is_newer:
                    raise Damage("it names a kind that this version does not have")
                self.n_unknown += 1
            if line.data and not isinstance(record, ColumnsRecord):
                raise Damage("there is data behind it, where none belongs")
            yield record, line.data

    def expect_version(self, version: tuple[int, int]) -> None:
        """Skip what only a newer version knows."""
        self.is_newer = version > FORMAT_VERSION


def decode(line: bytes) -> AnyRecord:
    """One line as its record; raises `Damage`."""
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        # msgspec refuses lone surrogates, which a file name may hold: the standard library's json decodes them.
        try:
            decoded = plain(line)
        except (ValueError, RecursionError) as error:
            raise Damage("it is not JSON") from error
        try:
            record: AnyRecord = msgspec.convert(decoded, AnyRecord)
        except (ValueError, RecursionError) as error:
            raise Damage(str(error)) from error
        return record


def plain(line: bytes) -> Any:
    """One line as dicts and lists; raises `ValueError` or `RecursionError`."""
    return json.loads(line)


def _is_of_unknown_kind(line: bytes) -> bool:
    try:
        record = plain(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("t") not in _KNOWN_KINDS


def _names_unknown_kind(record: AnyRecord) -> bool:
    match record:
        case PassRecord():
            return record.call.is_unknown or record.recorded.is_unknown
        case AccumulationsRecord():
            return any(row.effect.is_unknown for row in record.rows)
        case FlowRecord():
            return any(effect.is_unknown for effect in record.effects)
        case LeafRecord() | EventRecord() | ObservationRecord() | CutRecord() | HolderRecord() | ModuleFactRecord():
            return record.kind.is_unknown
        case SharingRecord():
            return record.kind.is_unknown
        case _:
            return False
