"""What a host in the same process asks of the recorder that is at work in it."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

import torch

from gradtrace.model.location import Location
from gradtrace.model.run import ProgramError
from gradtrace.recorder.journal import positions
from gradtrace.recorder.looking import message, type_name
from gradtrace.recorder.program_end import is_of_the_program, write_error
from gradtrace.recorder.session import Recorder


def write_all(recorder: Recorder) -> Path:
    """Write down whatever has been seen so far, and go on recording.

    Returns:
        The stream of this process, which can be merged as it is now.
    """
    with recorder._failures.looking("what was seen so far"):
        recorder.events.flush()
        recorder.watch.pause()
        recorder.checkpoint.write()
        if recorder.facts is not None and recorder.facts.updates is not None:
            recorder.facts.updates.write()
        recorder.journal.write_header()
    return recorder.journal.stream.path


def write_failure(recorder: Recorder, error: BaseException) -> None:
    """Write down an exception that ended what is recorded."""
    with recorder._failures.looking("an exception"):
        write_error(recorder.journal, error, recorder.table())


def leaf_of(recorder: Recorder, tensor: Any) -> tuple[int, str] | None:
    """The number of a tensor as a leaf of this process, and its name; None where no pass or model has shown it."""
    state = recorder.leaves.find(tensor) if isinstance(tensor, torch.Tensor) else None
    return None if state is None else (state.id, state.name)


def leaves_alive(recorder: Recorder) -> frozenset[int]:
    """The numbers of the leaves whose tensors are still there."""
    return frozenset(state.id for state in recorder.leaves.states.copy().values() if state.reference() is not None)


def described(error: BaseException) -> ProgramError:
    """What a recording would say of an exception, without writing it down."""
    frames: list[Location] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if is_of_the_program(code):
            line, _, end_line, _ = positions(code, traceback.tb_lasti)
            text = linecache.getline(code.co_filename, line).rstrip("\r\n")
            frames.append(Location(code.co_filename, line, 1, end_line, len(text) + 1, code.co_qualname, text))
        traceback = traceback.tb_next
    return ProgramError(type_name(error), message(error), tuple(frames))
