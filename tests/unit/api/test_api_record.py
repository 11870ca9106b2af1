"""The verbs from Python: record in this process, then load, explain and render."""

from pathlib import Path

import pytest
import torch

import gradtrace
from gradtrace.errors import GradtraceError


def product(w: torch.Tensor) -> torch.Tensor:
    return w * w * 2


def test_record_gives_the_trace_of_the_passes_in_the_block():
    """The passes inside the block are recorded in full, with true gradients."""
    w = torch.tensor(0.5, requires_grad=True)
    with gradtrace.record() as recording:
        product(w).backward()
    (one,) = recording.trace.passes
    assert (one.call, one.recorded) == ("Tensor.backward", "full")
    (row,) = one.accumulations
    assert (row.before, row.contribution.value, row.after.value, row.effect) == (None, 2.0, 2.0, "created")
    assert [leaf.name for leaf in recording.trace.leaves] == ["w"]


def test_a_pass_outside_the_block_is_not_recorded():
    """What happens before and after the block leaves no trace."""
    w = torch.tensor(0.5, requires_grad=True)
    product(w).backward()
    with gradtrace.record() as recording:
        pass
    product(w).backward()
    assert recording.trace.passes == ()


def test_the_trace_cannot_be_read_inside_the_block():
    """There is no half trace: the error says when to read it."""
    with (
        gradtrace.record() as recording,
        pytest.raises(GradtraceError, match=r"not over: read \.trace after the `with` block"),
    ):
        recording.trace  # noqa: B018


def test_recordings_do_not_nest():
    """One engine, one recorder."""
    with gradtrace.record(), pytest.raises(GradtraceError, match="at work in this process already"), gradtrace.record():
        pass


def test_the_recorder_is_gone_after_an_exception_and_the_trace_is_there():
    """An exception of the program's passes through, and nothing is lost."""
    w = torch.tensor(0.5, requires_grad=True)
    engine = torch.autograd._engine_run_backward
    recordings = []

    def failing_program() -> None:
        with gradtrace.record() as recording:
            recordings.append(recording)
            product(w).backward()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_program()
    assert torch.autograd._engine_run_backward is engine
    assert len(recordings[0].trace.passes) == 1


def test_a_saved_recording_loads_equal(tmp_path: Path):
    """`save` writes what `load` reads."""
    w = torch.tensor(0.5, requires_grad=True)
    with gradtrace.record() as recording:
        product(w).backward()
    recording.save(tmp_path / "run.gtrace")
    assert gradtrace.load(tmp_path / "run.gtrace") == recording.trace


def test_explain_and_render_take_the_options_of_their_formats():
    """The same text as the commands give."""
    w = torch.tensor(0.5, requires_grad=True)
    with gradtrace.record() as recording:
        product(w).backward()
    assert "this pass adds" in gradtrace.explain(recording.trace, width=100)
    assert gradtrace.render(recording.trace, "dot").startswith("digraph")
    with pytest.raises(GradtraceError, match="there is no format 'gif' here: choose tree, dot"):
        gradtrace.render(recording.trace, "gif")
