"""The recording of a session of IPython, cut into windows by looks; and what the words of the magic mean."""

import importlib.util
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

import gradtrace
from gradtrace import recorder
from gradtrace.diagnosis.evidence.cut_points import losses
from gradtrace.errors import GradtraceError, NothingSeenError
from gradtrace.integrations import kernel_recording
from gradtrace.integrations.kernel_recording import KernelRecording, _ImportWatch
from gradtrace.integrations.look import _page, _with_magics, parse
from gradtrace.model import EventKind, Trace
from gradtrace.recorder import kernel_cells
from gradtrace.recording import load, merge


@pytest.fixture
def kernel() -> Iterator[KernelRecording]:
    """One that records in this process, under a shell without cells."""
    made = KernelRecording(SimpleNamespace(user_ns={}, execution_count=7))
    made.start()
    yield made
    made.stop()
    made._clean()
    assert recorder.current() is None
    assert not made._folder.exists()


def run(kernel: KernelRecording, *weights: torch.Tensor) -> None:
    """A cell with a pass for each weight."""
    kernel.cell_begins()
    for weight in weights:
        (weight * weight).sum().backward()
    kernel.cell_ends(None)


def seen(kernel: KernelRecording) -> Trace:
    """What a look would show."""
    window = kernel.window()
    if window.suffix == ".gtrace":
        return load(window)
    target = window.with_suffix(".gtrace")
    merge(window, target=target)
    return load(target)


def test_a_look_shows_what_came_since_the_last(kernel: KernelRecording):
    """Passes count anew in each; without a new pass the last window is shown again, and that is said once."""
    w = torch.tensor(3.0, requires_grad=True)
    with pytest.raises(NothingSeenError, match="no backward pass has run since %load_ext gradtrace: run a cell"):
        kernel.window()
    run(kernel, w, w)
    first = seen(kernel)
    assert [(one.index, one.accumulations[0].after.value) for one in first.passes] == [(1, 6.0), (2, 12.0)]
    assert first.run.complete
    kernel.is_look = True
    kernel.cell_ends(None)
    assert seen(kernel) == first
    assert kernel.take_notices() == []
    run(kernel)
    assert seen(kernel) == first
    assert kernel.take_notices() == ["no backward pass has run since the last look: this is what it was about"]
    run(kernel, w)
    assert [(one.index, one.accumulations[0].before.value) for one in seen(kernel).passes] == [(1, 12.0)]
    assert kernel.take_notices() == []


def test_what_happened_before_a_look_still_explains_what_comes_after(kernel: KernelRecording):
    """What cut the graph off, and who froze a parameter; how a leaf was made that requires grad is not told."""
    net = torch.nn.ModuleDict({name: torch.nn.Linear(2, 2) for name in ("cut", "frozen", "head")})
    x, w = torch.ones(1, 2), torch.ones(2).requires_grad_()
    net["frozen"].requires_grad_(requires_grad=False)
    lost = net["cut"](x).detach()
    loss = net["head"](net["frozen"](lost)).sum()
    run(kernel, w)
    assert [cut.passes for cut in seen(kernel).cuts] == [()]
    kernel.cell_begins()
    loss.backward()
    trace = seen(kernel)
    (cut,) = trace.cuts
    assert cut.count == 0
    assert (cut.kind, cut.passes, cut.location.text.strip()) == ("detach", (1,), 'lost = net["cut"](x).detach()')
    assert {trace.leaves[leaf].name for leaf in cut.leaves} == {"cut.weight", "cut.bias"}
    assert cut.reentry.text.strip() == 'loss = net["head"](net["frozen"](lost)).sum()'
    (frozen,) = [event for event in trace.events if event.kind == EventKind.REQUIRES_GRAD]
    assert frozen.requires_grad is False
    assert frozen.location.text.strip() == 'net["frozen"].requires_grad_(requires_grad=False)'
    assert {trace.leaves[leaf].name for leaf in frozen.leaves} == {"frozen.weight", "frozen.bias"}


def test_what_ends_a_pass_is_looked_for_in_its_own_stretch_first(
    kernel: KernelRecording, monkeypatch: pytest.MonkeyPatch
):
    """A value that was cut off before the last look is there, and is not what the pass failed for."""
    net, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    kept = net(x).detach()
    run(kernel, torch.tensor(3.0, requires_grad=True))
    seen(kernel)
    kernel.cell_begins()
    with torch.no_grad():
        value = net(x).sum()
    with pytest.raises(RuntimeError) as failed:
        value.backward()
    monkeypatch.setattr(sys, "last_value", failed.value, raising=False)
    kernel.cell_ends(failed.value)
    (loss,) = losses(seen(kernel))
    assert (loss.reason, loss.cut.location.text.strip()) == ("no_grad", "value = net(x).sum()")
    assert not kept.requires_grad


def test_a_terminal_is_told_where_a_page_can_be_seen():
    """Nothing that it prints would show it."""
    with pytest.raises(GradtraceError, match="a terminal shows no page: say %gradtrace render --open, or "):
        _page((), "window")


def test_what_a_look_says_next_is_said_as_magics():
    """In our own words only."""
    said = "To read more about one: gradtrace rule a-b\n`gradtrace why TARGET 0.weight` says\nmy gradtrace rule x\n"
    assert _with_magics(said) == (
        "To read more about one: %gradtrace rule a-b\n`%gradtrace why 0.weight` says\nmy gradtrace rule x\n"
    )


def test_of_each_cell_the_first_passes_are_recorded_in_full(kernel: KernelRecording, monkeypatch: pytest.MonkeyPatch):
    """Of large graphs three, the others in the ledger."""
    monkeypatch.setattr(kernel_recording, "_SMALL_PASSES", 0)
    kernel.stop()
    kernel.start()
    w = torch.tensor(3.0, requires_grad=True)
    run(kernel, *[w] * 5)
    run(kernel, *[w] * 4)
    kinds = [(str(one.recorded), one.count) for one in seen(kernel).passes]
    assert kinds == [("full", 1)] * 3 + [("ledger", 2)] + [("full", 1)] * 3 + [("ledger", 1)]


def test_what_grows_too_large_is_dropped_and_that_is_said(kernel: KernelRecording, monkeypatch: pytest.MonkeyPatch):
    """Before the next cell; from there on all is there."""
    w = torch.tensor(3.0, requires_grad=True)
    run(kernel, w, w)
    monkeypatch.setattr(kernel_recording, "_LARGEST", 10)
    run(kernel, w)
    assert len(seen(kernel).passes) == 1
    assert kernel.take_notices() == ["what was recorded before In [7] was dropped, to keep the recording small"]
    assert len(list(kernel._folder.glob("*/"))) <= 3
    monkeypatch.setattr(kernel_recording, "_LARGEST", 10)
    run(kernel, w)
    run(kernel)
    with pytest.raises(
        NothingSeenError, match=r"no backward pass has run since In \[7\], and what was recorded before"
    ):
        kernel.window()


def test_a_block_inside_shares_the_recording(kernel: KernelRecording):
    """The window is not cut inside of the block, and both hold its passes."""
    w = torch.tensor(3.0, requires_grad=True)
    kernel.cell_begins()
    (w * w).backward()
    with gradtrace.watch() as watch:
        (w * 2).backward()
        assert len(seen(kernel).passes) == 2
        (w * 4).backward()
    kernel.cell_ends(None)
    assert [one.accumulations[0].contribution.value for one in watch.trace.passes] == [2.0, 4.0]
    assert len(seen(kernel).passes) == 3


def test_an_exception_of_torch_is_in_the_window_unless_a_later_cell_went_well(
    kernel: KernelRecording, monkeypatch: pytest.MonkeyPatch
):
    """One of the program's own is not."""
    w = torch.ones(2, requires_grad=True)

    def fail(wrong: bool) -> None:
        kernel.cell_begins()
        try:
            (w * w).sum().backward()
            (w * w).backward() if wrong else {}["no such key"]
        except (RuntimeError, KeyError) as error:
            monkeypatch.setattr(sys, "last_value", error, raising=False)
            kernel.cell_ends(error)

    fail(wrong=True)
    run(kernel)  # a cell without a pass
    assert seen(kernel).run.error.type == "RuntimeError"
    fail(wrong=True)
    run(kernel, w)
    assert seen(kernel).run.error is None
    fail(wrong=False)
    assert seen(kernel).run.error is None


def test_a_recorder_that_cannot_start_is_no_failure_of_the_cell(
    kernel: KernelRecording, monkeypatch: pytest.MonkeyPatch
):
    """The next look says why."""
    kernel.stop()
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "start", lambda config: 1 / 0)
        kernel.start()
    with pytest.raises(
        NothingSeenError, match=r"the recorder failed: it could not start \(ZeroDivisionError: division"
    ):
        kernel.window()
    kernel.start()
    (kernel._own().config.session / "stopped").write_text("OSError: disk full\0", "utf-8")
    kernel._own().stop()
    with pytest.raises(NothingSeenError, match=r"has switched itself off \(OSError: disk full\): %gradtrace on"):
        kernel.window()


def test_two_that_wait_for_torch_do_not_wait_for_each_other():
    """A notebook that is run by a command is waited for twice."""
    started: list[int] = []
    watches = [_ImportWatch(lambda: started.append(1)) for _ in range(2)]
    try:
        spec = importlib.util.find_spec("torch.version")
        assert spec is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.delitem(sys.modules, "torch")
            found = importlib.util.find_spec("torch")
    finally:
        for watch in watches:
            watch.undo()
    assert found is not None
    assert found.origin == torch.__file__
    assert not any(isinstance(one, _ImportWatch) for one in sys.meta_path)
    assert started == []


def test_the_last_cell_of_a_kernel_may_have_ended_the_program(monkeypatch: pytest.MonkeyPatch):
    """A shell that is no kernel's says itself what ended it."""
    error = RuntimeError("in a cell")
    shell = SimpleNamespace(
        compile=None, history_manager=None, kernel=None, last_execution_result=SimpleNamespace(error_in_exec=error)
    )
    monkeypatch.setattr(InteractiveShell, "_instance", shell)
    assert kernel_cells.failed_cell() is error
    del shell.kernel
    assert kernel_cells.failed_cell() is None


def test_words_of_the_magic():
    """A command and its words; without one it is `explain`; a cell is written as IPython does."""
    asked = [parse(words.split()) for words in ("", "--pass 2", "check -v", "--help")]
    assert [(one.command, one.words) for one in asked] == [
        ("explain", ()),
        ("explain", ("--pass", "2")),
        ("check", ("-v",)),
        ("help", ()),
    ]
    assert parse(["why", "In[3]:14"]).words == ("In [3]:14",)
    assert parse(["--after-cell", "render"]).is_after_cell


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("explian", "there is no %gradtrace explian: did you mean explain?"),
        ("w", "there is no %gradtrace w: it is one of explain, render, .*; for one tensor say %gradtrace why w"),
        ("why -v", "of which tensor?"),
        ("save", "name the file"),
        ("off now", "%gradtrace off takes no more words, and there is 'now'"),
        ("--after-cell doctor", "%%gradtrace doctor shows nothing of a cell: say %gradtrace doctor"),
    ],
)
def test_wrong_words_are_said_to_be_wrong(words: str, said: str):
    """With what was meant, where that can be guessed."""
    with pytest.raises(GradtraceError, match=said):
        parse(words.split())
