"""What a host in the same process asks of the recorder that is at work in it."""

from __future__ import annotations

import linecache
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gradtrace.model.location import Location
from gradtrace.model.run import ProgramError
from gradtrace.model.run_options import PassRanges
from gradtrace.recorder.holders import write_holders
from gradtrace.recorder.journal import positions
from gradtrace.recorder.looking import message, type_name
from gradtrace.recorder.program_end import FrameLike, is_of_the_program, write_error
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


def begin_window(
    recorder: Recorder, session: Path, variables: dict[str, Any], error: BaseException | None = None
) -> bool:
    """Finish what has been recorded so far as if the program ended here, and go on in another folder.

    What was watched of the forward computation stays known: the pass that comes next may run over it.

    Args:
        recorder: the one at work.
        session: the folder of the streams from here on.
        variables: the program's own.
        error: the exception that ended the last thing that the program did.

    Returns:
        False where nothing was done, since a pass runs, or somebody else reads this stream.
    """
    if recorder.leaves.is_any_running or recorder.journal.keeps_latest or recorder.n_readers:
        return False
    if error is not None:
        write_failure(recorder, error)
    with recorder._failures.looking("what was seen so far"):
        frame: Any = FrameLike(variables)
        if recorder.config.facts:
            write_holders(recorder.journal, recorder.table(), frame)
            recorder.look_at_variables(frame)
    write_all(recorder)
    with recorder._failures.looking("what was seen so far"):
        if recorder.step_norms is not None:
            recorder.step_norms.write()
        recorder._failures.write()
        recorder.journal.write({"t": "status", "status": 0 if error is None else 1})
    with recorder._failures.looking("what follows"):
        recorder.config = recorder.journal.config = replace(recorder.config, session=session)
        recorder.begin_stream()
        recorder.journal.write_header()
        if recorder.config.facts:
            recorder.grads.repeat_switches()
    return True


def n_passes(recorder: Recorder) -> int:
    """How many passes have begun, in the stream that is being written."""
    return recorder.passes.n_passes


def ask_again(recorder: Recorder, passes: PassRanges) -> None:
    """Record passes in full again, counted from here on.

    Args:
        recorder: the one at work.
        passes: ranges in ascending order, from 1.
    """
    with recorder._failures.looking("which passes are recorded"):
        recorder.passes.ask_again(passes)


def write_failure(recorder: Recorder, error: BaseException) -> None:
    """Write down an exception that ended what is recorded."""
    with recorder._failures.looking("an exception"):
        write_error(recorder.journal, error, recorder.table(), recorder.rejected_call(error))


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
