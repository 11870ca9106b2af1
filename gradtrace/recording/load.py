"""From a `.gtrace` file to a `Trace`."""

import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gradtrace.errors import RecordingError
from gradtrace.files import open_regular
from gradtrace.model import (
    Blind,
    BlindSpot,
    Observation,
    ObservationKind,
    ProgramError,
    RecordedProcess,
    Run,
    Trace,
    ranks_in_words,
)
from gradtrace.model.format import FORMAT_NAME, FORMAT_VERSION
from gradtrace.recording.columns import unpacked
from gradtrace.recording.damage import Damage
from gradtrace.recording.lines import RecordLines, plain
from gradtrace.recording.process_builder import Offsets, ProcessBuilder
from gradtrace.recording.records import (
    AnyRecord,
    ColumnsRecord,
    HeaderRecord,
    ProcessRecord,
    StatusRecord,
)
from gradtrace.version import __version__

_LONGEST_HEADER = 1 << 24
_LONGEST_REASON = 200
_LOST_TOUCH = re.compile(r"connection (was )?(closed|reset)|timed? ?out waiting|socket", re.IGNORECASE)
"""What a rank says that waits for another one in vain."""
_MOST_RANKS = 100_000
_UNFINISHED = frozenset(
    {
        *(Blind.RECORDER_FAILED, Blind.PROCESS_NOT_RECORDED, Blind.RANKS_NOT_RECORDED, Blind.RANK_ENDED),
        *(Blind.FILE_CUT, Blind.KILLED),
    }
)
"""Gaps of a run that was not recorded to its end."""


class _Header(msgspec.Struct):
    """What every version's header has, and always will."""

    t: str
    format: str
    version: tuple[int, int]
    gradtrace: str = ""


def load(path: Path, process: int | None = None) -> Trace:
    """Read a recording, or the stream of one process.

    A file that ends early is read up to its last whole line; then `run.complete` is false and `run.notes` says so.

    Args:
        path: the file.
        process: only what the process of this number did, which is number 0 in the trace; None: all.

    Raises:
        RecordingError: the file cannot be read, is something else, is of a newer version, or is damaged.
    """
    try:
        with open_regular(path) as file, _paused_collector():
            return _read(path, file, process)
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error


def look_at(path: Path) -> None:
    """Make sure that this is a recording, or the stream of one process, of which at least the beginning can be read.

    Raises:
        RecordingError: it is not.
    """
    try:
        with open_regular(path) as file:
            _version(path, file.readline(_LONGEST_HEADER))
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Nothing made here is garbage, and to look for some among a million objects takes longer than to make them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read(path: Path, file: BinaryIO, process: int | None) -> Trace:
    version = _version(path, file.readline(_LONGEST_HEADER))
    file.seek(0)
    lines = RecordLines(file)
    lines.expect_version(version)
    trace = _TraceBuilder(process)
    try:
        for record, data in lines:
            trace.take(record, data)
    except Damage as damage:
        raise RecordingError(
            f"{path} is damaged at line {lines.number}: {str(damage)[:_LONGEST_REASON]}; "
            "the file was changed after it was recorded: record the program again, or save what stands before that "
            f"line with gradtrace merge {path} -o OTHER"
        ) from damage
    return trace.finish(is_truncated=lines.is_truncated, n_unknown=lines.n_unknown)


def _version(path: Path, line: bytes) -> tuple[int, int]:
    """The version of the format; raises `RecordingError` if this is no recording that can be read."""
    if not line:
        raise RecordingError(f"{path} is empty: the recording was never written; record the program again")
    try:
        header = msgspec.convert(plain(line), _Header)
    except (ValueError, RecursionError):
        header = None
    if header is None or header.t != "header" or header.format != FORMAT_NAME:
        if header is None and line.startswith(b'{"t":"header"') and not line.endswith(b"\n"):
            raise RecordingError(f"{path} ends in the middle of its first line; record the program again")
        raise RecordingError(f"{path} is not a recording: {_kind(line)}; gradtrace record TARGET makes one")
    if header.version[0] != FORMAT_VERSION[0]:
        theirs, ours = (".".join(map(str, version)) for version in (header.version, FORMAT_VERSION))
        by = f"gradtrace {header.gradtrace[:40]!r}" if header.gradtrace else "another gradtrace"
        raise RecordingError(
            f"{path} has format version {theirs}, written by {by}; gradtrace {__version__} reads version {ours}: "
            "show it with the version that wrote it, or record the program again"
        )
    return header.version


def _kind(line: bytes) -> str:
    """What a file seems to be, by its beginning."""
    if line.startswith((b"PK\x03\x04", b"\x80")):
        return "it looks like a file that torch.save or pickle wrote"
    if b"\0" in line:
        return "it holds binary data"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "it holds binary data"
    return "it is text, and its first line is not a gradtrace header"


class _TraceBuilder:
    """Takes all records of a file in order."""

    def __init__(self, only: int | None = None) -> None:
        self._only = only
        self._number = 0
        self._header: HeaderRecord | None = None
        self._done: list[ProcessBuilder] = []
        self._current = ProcessBuilder(0, Offsets())
        self._status: int | None = None
        self._cut_processes: dict[int, str] = {}

    def take(self, record: AnyRecord, data: bytes) -> None:
        """Add what one line says, with the data behind it; raises `Damage`."""
        match record:
            case HeaderRecord() if self._header is None:
                self._header = record
                self._current.identify(record)
            case HeaderRecord():
                raise Damage("a second header")
            case ProcessRecord():
                self._switch(record)
            case StatusRecord():
                if record.process == 0:
                    self._status = record.status
            case _ if self._only not in (None, self._number):
                pass
            case ColumnsRecord():
                self._current.take_columns(record, unpacked(record.columns, data))
            case _:
                self._current.take(record)

    def _switch(self, record: ProcessRecord) -> None:
        self._current.seal()
        number, self._number = self._number, record.process
        if record.process not in (number, number + 1):
            raise Damage(f"process {record.process} follows process {number}")
        if self._only not in (None, record.process):
            return
        if record.is_truncated:
            self._cut_processes[record.process] = record.damage or "ends in the middle of a line"
        if record.process != number and self._only is None:
            self._done.append(self._current)
            self._current = ProcessBuilder(record.process, self._current.offsets)
        self._current.identify(record)

    def finish(self, *, is_truncated: bool, n_unknown: int = 0) -> Trace:
        """The trace of all that was taken."""
        if self._header is None:
            raise Damage("there is no header")
        self._current.seal()
        processes = [*self._done, self._current]
        run = self._run(self._header, processes, is_truncated, n_unknown)
        return Trace(
            run=run,
            leaves=tuple(leaf for process in processes for leaf in process.leaves),
            optimizers=tuple(optimizer for process in processes for optimizer in process.optimizers),
            passes=tuple(one for process in processes for one in process.passes),
            events=tuple(event for process in processes for event in process.events),
            cuts=tuple(cut for process in processes for cut in process.cuts),
            steps=tuple(one for process in processes for one in process.steps),
            scale_updates=tuple(one for process in processes for one in process.scale_updates),
            step_norms=tuple(one for process in processes for one in process.step_norms),
            **_facts(processes),
        )

    def _run(self, header: HeaderRecord, processes: list[ProcessBuilder], is_truncated: bool, n_unknown: int) -> Run:
        error, recorded = _cause(processes), _recorded(processes)
        spots = _counted_together([*_blind_spots(processes), *self._unseen(header, is_truncated, recorded)])
        is_whole = not (
            any(one.has_incomplete_pass for one in processes) or any(spot.reason in _UNFINISHED for spot in spots)
        )
        notes = _sayings(processes, recorded)
        if n_unknown:
            lines = "1 line names" if n_unknown == 1 else f"{n_unknown:,} lines name"
            notes.append(
                f"{lines} a kind that only a newer gradtrace knows: show the recording with the version that wrote it, "
                f"{header.gradtrace}"
            )
        return Run(
            target=header.target,
            argv=tuple(header.argv),
            python=header.python,
            torch=header.torch,
            gradtrace=header.gradtrace,
            device=header.device,
            seed=header.seed,
            status=self._status,
            complete=is_whole and error is None and (self._status or 0) >= 0,
            error=error,
            expression=header.expression,
            n_processes=len(processes),
            processes=recorded,
            observations=_together(processes),
            notes=tuple(dict.fromkeys(notes)),
            facts=header.facts,
            level=header.level,
            blind_spots=spots,
        )

    def _unseen(
        self, header: HeaderRecord, is_truncated: bool, processes: tuple[RecordedProcess, ...]
    ) -> Iterator[BlindSpot]:
        """What the file itself tells of its gaps."""
        if is_truncated:
            yield BlindSpot(Blind.FILE_CUT, "the recording ends in the middle of a line; it was read up to there")
        known = {one.number: one for one in processes}
        for process, why in sorted(self._cut_processes.items()):
            who = known.get(process, f"process {process}")
            yield BlindSpot(Blind.FILE_CUT, f"what {who} wrote {why}; it was read up to there")
        if self._only is None:
            yield from _missing_ranks(processes)
            if self._status:
                yield from _ended_early(processes)
        if self._status is None:
            text = "the recording has no end: it was cut short, or the program was still running"
            yield BlindSpot(Blind.FILE_CUT, text)
        elif self._status < 0 and header.torch:
            yield BlindSpot(Blind.KILLED)


def _cause(processes: list[ProcessBuilder]) -> ProgramError | None:
    """The exception that ended the run: of ranks rather than of what launched them, and not for want of another."""
    failed = [(one, one.error) for one in processes if one.error is not None]
    order = sorted(failed, key=lambda row: (row[0].rank is None, bool(_LOST_TOUCH.search(row[1].message))))
    return order[0][1] if order else None


def _recorded(processes: list[ProcessBuilder]) -> tuple[RecordedProcess, ...]:
    """The processes; of several with one rank, such as those that a rank started, the member of the group has it."""
    members = {one.rank for one in processes if one.is_member}
    taken: set[int | None] = {None}
    found = []
    for one in processes:
        is_rank = one.rank not in taken and (one.is_member or one.rank not in members)
        rank = one.rank if is_rank else None
        taken.add(rank)
        world_size = one.world_size if is_rank else None
        found.append(RecordedProcess(one.process, one.pid, rank, world_size, one.error, one.has_ended))
    return tuple(found)


def _missing_ranks(processes: Iterable[RecordedProcess]) -> Iterator[BlindSpot]:
    """The ranks of which nothing was recorded."""
    ranks = {one.rank: one.world_size for one in processes if one.rank is not None}
    size = max((one for one in ranks.values() if one is not None), default=0)
    missing = set(range(min(size, _MOST_RANKS))) - ranks.keys()
    if missing:
        text = f"{ranks_in_words(missing)} of {size}"
        yield BlindSpot(Blind.RANKS_NOT_RECORDED, text, len(missing))


def _ended_early(processes: Iterable[RecordedProcess]) -> Iterator[BlindSpot]:
    """The ranks that did not come to their end, in a run that failed; older recordings do not say that of any."""
    ranks = [one for one in processes if one.rank is not None]
    for one in ranks:
        if not one.has_ended and any(each.has_ended for each in ranks):
            yield BlindSpot(Blind.RANK_ENDED, str(one))


def _facts(processes: list[ProcessBuilder]) -> dict[str, Any]:
    """What is recorded for a diagnosis, by field of `Trace`, of all processes."""
    total: dict[str, tuple[Any, ...]] = {}
    for process in processes:
        for name, found in process.facts.items():
            total[name] = total.get(name, ()) + found
    return total


def _together(processes: list[ProcessBuilder]) -> tuple[Observation, ...]:
    """The observations of all processes, counts of a kind added up, in order of first appearance."""
    total: dict[ObservationKind, Observation] = {}
    for process in processes:
        for kind, seen in process.observations.items():
            known = total.get(kind)
            total[kind] = seen if known is None else replace(known, count=known.count + seen.count)
    return tuple(total.values())


def _counted_together(spots: list[BlindSpot]) -> tuple[BlindSpot, ...]:
    """Equal ones once, with how many things they stand for."""
    total: dict[tuple[str, str, int], BlindSpot] = {}
    for spot in spots:
        key = (spot.reason, spot.text, spot.process)
        known = total.get(key)
        total[key] = spot if known is None else replace(known, count=known.count + spot.count)
    return tuple(total.values())


def _blind_spots(processes: list[ProcessBuilder]) -> list[BlindSpot]:
    return [spot for one in processes for spot in one.blind_spots]


def _sayings(processes: list[ProcessBuilder], recorded: tuple[RecordedProcess, ...]) -> list[str]:
    """The notes of all processes; which process says it, where it is not the first."""
    return [
        f"{known}: {note}" if one.process else note
        for one, known in zip(processes, recorded, strict=True)
        for note in one.notes
    ]
