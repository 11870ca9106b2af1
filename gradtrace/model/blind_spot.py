"""What a recording does not hold, although the program did it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gradtrace.model.location import Location


class Blind(StrEnum):
    """What was not looked at, by why it was not; the value stands in recordings and documents."""

    NO_TORCH = "no_torch"
    """All: the program never imported torch, or failed before it did."""
    OTHER_INTERPRETER = "other_interpreter"
    """All: the interpreter has no torch."""
    NOT_INSTALLED = "not_installed"
    """All: the recorder could not start, or no python was watched."""
    RECORDER_FAILED = "recorder_failed"
    """What came after the recorder failed."""
    PROCESS_NOT_RECORDED = "process_not_recorded"
    """A process of the run."""
    RANKS_NOT_RECORDED = "ranks_not_recorded"
    """Ranks of a distributed run."""
    RANK_ENDED = "rank_ended"
    """What would have come after the end of a rank that was killed, or left without the end of its program."""
    FILE_CUT = "file_cut"
    """What the recording lost at its end."""
    KILLED = "killed"
    """What would have come after the signal that ended the program."""
    OBSERVATION_FAILED = "observation_failed"
    """Single nodes, leaves or modules."""
    COMPILED_REGION = "compiled_region"
    """Operations inside compiled regions."""
    FAKE_TENSORS = "fake_tensors"
    """Values of tensors that have none."""
    ASLEEP = "asleep"
    """What ran while torch traced or scripted code."""
    NO_FACTS = "no_facts"
    """What only a diagnosis needs: it was not asked for."""
    NO_VALUES = "no_values"
    """Values: no gradient could be measured."""
    STRUCTURE_ONLY = "structure_only"
    """Values: `--level structure` was asked for."""
    PASSES_NOT_RECORDED = "passes_not_recorded"
    """The graphs of passes that are in the ledger only."""


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """One thing that was not, or not wholly, looked at.

    Attributes:
        reason: a `Blind`; another text when a newer recorder knows more.
        text: what the reason leaves out: the failure, the interpreter's path; "" when it says it all.
        count: how many things it stands for.
        pass_index: the last pass before it; 0 before the first, or when no pass matters.
        location: the place of the first of them, when it has one.
    """

    reason: str
    text: str = ""
    count: int = 1
    pass_index: int = 0
    location: Location | None = None
    process: int = 0
