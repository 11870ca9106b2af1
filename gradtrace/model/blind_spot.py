"""What a recording does not hold, although the program did it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gradtrace.model.location import Location


class Blind(StrEnum):
    """Why something was not looked at; the value stands in recordings and documents."""

    NO_TORCH = "no_torch"
    OTHER_INTERPRETER = "other_interpreter"
    NOT_INSTALLED = "not_installed"
    RECORDER_FAILED = "recorder_failed"
    PROCESS_NOT_RECORDED = "process_not_recorded"
    FILE_CUT = "file_cut"
    KILLED = "killed"
    OBSERVATION_FAILED = "observation_failed"
    COMPILED_REGION = "compiled_region"
    FAKE_TENSORS = "fake_tensors"
    ASLEEP = "asleep"
    NO_FACTS = "no_facts"
    NO_VALUES = "no_values"
    STRUCTURE_ONLY = "structure_only"
    PASSES_NOT_RECORDED = "passes_not_recorded"


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
