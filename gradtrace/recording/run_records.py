"""The lines of the process, of its end, and of what was not seen of it."""

import msgspec

from gradtrace.recording.record import Record


class HeaderRecord(Record, frozen=True, tag="header"):
    """The first line of a process's stream."""

    format: str
    version: tuple[int, int]
    pid: int
    parent_pid: int
    target: str
    argv: list[str]
    python: str
    torch: str
    gradtrace: str
    device: str
    seed: int | None = None
    rank: int | None = None
    expression: str | None = None
    facts: bool = False
    level: str = ""
    world_size: int | None = None


class WorldRecord(Record, frozen=True, tag="world"):
    """The process has joined the default process group of `torch.distributed`, as this rank of so many."""

    rank: int
    size: int


class EndRecord(Record, frozen=True, tag="end"):
    """The process came to its end, and nothing ended it before."""


class KeptRow(msgspec.Struct, frozen=True, array_like=True):
    """`KeptResult`; the places are location ids."""

    name: str
    location: int | None = None
    made: int | None = None


class GivenRow(msgspec.Struct, frozen=True, array_like=True):
    """`GivenTensor`; the leaves are leaf ids of the process."""

    name: str
    shape: list[int]
    dtype: str
    device: str
    leaf: int | None = None
    made_by: int | None = None
    least: int | None = None
    greatest: int | None = None
    variable: str = ""


class SettingRow(msgspec.Struct, frozen=True, array_like=True):
    """`Setting`."""

    name: str
    numbers: list[int]


class RejectedRow(msgspec.Struct, frozen=True):
    """`RejectedCall`."""

    name: str = ""
    module: str = ""
    module_class: str = ""
    is_of_module: bool = False
    settings: list[SettingRow] = []
    tensors: list[GivenRow] = []


class ErrorRecord(Record, frozen=True, tag="error"):
    """The exception that is ending the program; `frames` are location ids, outermost first."""

    type: str
    message: str
    frames: list[int] = []
    kept: list[KeptRow] = []
    call: RejectedRow | None = None


class NoteRecord(Record, frozen=True, tag="note"):
    """A sentence for the reader of the recording: what `--root` did not find, what tripped the watch."""

    text: str


class BlindRecord(Record, frozen=True, tag="blind"):
    """Something that the program did and that was not, or not wholly, looked at.

    `reason` is one of `gradtrace.model.Blind`; `text` says what it leaves out (a failure, an interpreter's path);
    `count` is how many things the line stands for, `pass_index` the last pass before them (0: before the first).
    """

    reason: str
    text: str = ""
    count: int = 1
    pass_index: int = 0
    location: int | None = None


class StatusRecord(Record, frozen=True, tag="status"):
    """Written by the parent when the program has ended."""

    status: int
    process: int = 0


class ProcessRecord(Record, frozen=True, tag="process"):
    """In a merged file: the lines that follow, up to the next of these, come from this process.

    Processes are numbered from 0. The same number again continues the process: what follows was written anew at each
    pass, and its passes replace those of the same index. `is_truncated`: its stream was not whole; `damage` says why.
    """

    process: int
    pid: int
    rank: int | None = None
    is_truncated: bool = False
    damage: str | None = None
    world_size: int | None = None
