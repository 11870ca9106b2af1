"""The verbs from Python: record in this process, then load, explain and render."""

import asyncio
import inspect
import pickle
import re
import shutil
from dataclasses import fields
from pathlib import Path

import graphviz
import pytest
import torch

import gradtrace
from gradtrace import recorder
from gradtrace.errors import GradtraceError
from gradtrace.renderers.view_options import ViewOptions


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


def test_a_recording_inside_another_is_a_part_of_it(tmp_path: Path):
    """One engine, one recorder: the inner one holds what ran in its block, the outer one everything."""
    w = torch.tensor(0.5, requires_grad=True)

    def run(times: int) -> None:
        for _ in range(times):
            product(w).backward()

    with gradtrace.record(passes=((1, 1),)) as outer:
        run(3)
        with gradtrace.record() as inner:
            run(1)
        run(2)
        with (
            pytest.raises(GradtraceError, match="a recording of level default is at work"),
            gradtrace.record(level="full"),
        ):
            pass
    (one,) = inner.trace.passes
    assert (one.recorded, one.accumulations[0].before.value, one.accumulations[0].after.value) == ("full", 6.0, 8.0)
    assert [(each.recorded, each.count) for each in outer.trace.passes] == [
        ("full", 1),
        ("ledger", 2),
        ("full", 1),
        ("ledger", 2),
    ]
    with pytest.raises(GradtraceError, match="a part of a recording that was under way already"):
        inner.save(tmp_path / "run.gtrace")
    outer.save(tmp_path / "run.gtrace")


def test_watch_records_the_entries_that_were_asked_for():
    """Of a training loop one step, with all that a diagnosis needs."""
    w = torch.tensor(0.5, requires_grad=True)
    watch = gradtrace.watch(only=[2, 4])
    assert repr(watch) == "<gradtrace.Recording: nothing yet>"
    for number in range(1, 4):
        with watch:
            (w * number).backward()
        assert recorder.current() is None
    assert watch.trace.passes[0].accumulations[0].contribution.value == 2.0
    assert watch.trace.run.facts
    assert gradtrace.check(watch.trace).not_looked_at == ()
    never = gradtrace.watch(only=9)
    with pytest.raises(GradtraceError, match=r"nothing was recorded yet: read \.trace after a `with` block"):
        never.trace  # noqa: B018
    with never:
        pass
    with pytest.raises(GradtraceError, match="nothing was recorded: only=9, and it was entered 1 times"):
        never.save("run.gtrace")


def test_watch_decorates_functions_and_coroutines():
    """Each call is an entry, a call inside another is not; `recording` is what was seen."""
    w = torch.tensor(0.5, requires_grad=True)

    @gradtrace.watch(only=2)
    def step(depth: int) -> int:
        """The doc."""
        if depth:
            return step(depth - 1)
        (w * w).backward()
        return 7

    @gradtrace.watch
    async def later() -> torch.Tensor:
        return torch.autograd.grad(w * 3, w)[0]

    assert [step(3), step(2), step(1)] == [7, 7, 7]
    assert (step.__name__, step.__doc__, len(step.recording.trace.passes)) == ("step", "The doc.", 1)
    assert step.recording.trace.passes[0].location.text.strip() == "(w * w).backward()"
    assert asyncio.run(later()) == 3.0
    assert later.recording.trace.passes[0].call == "autograd.grad"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"only": 0}, "only=0 means nothing: it is the number of an entry"),
        ({"only": ()}, "only=() means nothing"),
        ({"level": "deep"}, "there is no level 'deep': it is structure, default, full"),
        ({"passes": "first"}, "passes='first' means nothing: it is 'all', 'last', or ranges"),
    ],
)
def test_an_option_that_means_nothing_is_an_error_at_once(options, why):
    """Before anything runs."""
    with pytest.raises(GradtraceError, match=re.escape(why)):
        gradtrace.watch(**options)


def test_what_is_no_function_is_not_decorated():
    """Nor a generator, whose call runs nothing."""

    def numbers():
        yield 1

    with pytest.raises(GradtraceError, match="a call of the generator numbers does not run it"):
        gradtrace.watch()(numbers)
    with pytest.raises(GradtraceError, match="what is decorated must be a function, and not a int"):
        gradtrace.watch(3)


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


@pytest.fixture(scope="module")
def detached() -> gradtrace.Recording:
    """A loss that one of two parameters does not reach, recorded for a diagnosis."""
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with gradtrace.record(facts=True) as recording:
        for _ in range(2):
            optimizer.zero_grad()
            net[1](net[0](torch.ones(1, 2)).detach()).sum().backward()
            optimizer.step()
    return recording


def test_check_gives_findings_and_says_whether_all_was_looked_at(detached):
    """The same as the command; rules can be chosen, and a wrong name is an error with what was meant."""
    diagnosis = gradtrace.check(detached.trace)
    assert [one.rule for one in diagnosis.findings] == ["detach-midgraph"]
    assert not diagnosis.is_clean
    assert diagnosis.not_looked_at == ()
    assert gradtrace.check(detached.trace, ignore=["detach-midgraph"]).findings != diagnosis.findings
    with pytest.raises(GradtraceError, match="did you mean detach-midgraph"):
        gradtrace.check(detached.trace, select=["detach-midgraf"])
    with pytest.raises(GradtraceError, match="there is no severity 'bad': it is error, warning, info"):
        gradtrace.check(detached.trace, severity="bad")


def test_what_was_not_looked_at_is_never_clean():
    """A recording without facts cannot show that nothing is wrong."""
    w = torch.tensor(0.5, requires_grad=True)
    with gradtrace.record() as recording:
        product(w).backward()
    diagnosis = gradtrace.check(recording.trace)
    assert diagnosis.findings == ()
    assert not diagnosis.is_clean
    assert "without facts" in " ".join(diagnosis.not_looked_at)


def test_why_answers_as_the_command_does(detached):
    """In text, Markdown or JSON; an unknown name is an error."""
    assert "detach" in gradtrace.why(detached.trace, "net.0.weight")
    assert gradtrace.why(detached.trace, "net.1.weight", format="json").startswith("{")
    with pytest.raises(GradtraceError):
        gradtrace.why(detached.trace, "no_such_name")
    with pytest.raises(GradtraceError, match="there is no format 'html' here: choose text, markdown, json"):
        gradtrace.why(detached.trace, "net.1.weight", format="html")


def test_objects_are_shown_small(detached):
    """A notebook or a debugger that shows one is not flooded."""
    assert repr(detached.trace) == (
        "<gradtrace.Trace of 'gradtrace.record()': 2 passes (2 in full), 4 leaves, "
        f"{len(detached.trace.events)} events, 0 findings>"
    )
    assert repr(detached) == f"<gradtrace.Recording: {detached.trace!r}>"
    with gradtrace.record() as recording:
        assert repr(recording) == "<gradtrace.Recording: not over>"


def test_an_option_that_means_nothing_to_a_format_is_an_error(detached):
    """Except that what a format never folds is not folded."""
    with pytest.raises(GradtraceError, match="--max-lines means nothing to the format svg"):
        gradtrace.render(detached.trace, "svg", max_lines=3)
    assert gradtrace.render(detached.trace, "json", fold=False) == gradtrace.render(detached.trace, "json")


def test_render_offers_every_option_of_a_view():
    """Its parameters are the fields of `ViewOptions`, and where the text is read."""
    parameters = [*inspect.signature(gradtrace.render).parameters]
    assert parameters == ["trace", "format", *(item.name for item in fields(ViewOptions)), "width", "color"]


def test_a_trace_becomes_an_object_of_the_package_graphviz(detached):
    """Its text is that of the format, whose escapes keep names of the program from being markup."""
    drawn = gradtrace.to_graphviz(detached.trace, direction="lr", theme="dark")
    assert type(drawn) is graphviz.Source
    assert drawn.source == gradtrace.render(detached.trace, "dot", direction="lr", theme="dark")
    if shutil.which("dot"):
        assert b"<svg" in drawn.pipe("svg")


def test_a_notebook_shows_results_as_what_they_are(detached, tmp_path: Path):
    """A trace as a tree and a picture, findings and answers as text, the page in a frame; all are plain strings too."""
    trace = detached.trace
    shown = trace._repr_mimebundle_()
    assert shown == detached._repr_mimebundle_()
    assert shown["image/svg+xml"].startswith("<svg ")
    assert "1.weight" in shown["text/plain"]
    assert max(map(len, shown["text/plain"].splitlines())) <= 80
    diagnosis = gradtrace.check(trace)
    assert diagnosis._repr_mimebundle_() == {"text/plain": str(diagnosis)}
    assert str(diagnosis).startswith("warning[detach-midgraph]: no gradient reaches ")
    answer = gradtrace.why(trace, "net.0.weight")
    assert answer._repr_mimebundle_() == {"text/plain": str(answer)}
    assert (type(str(answer)), answer) == (str, pickle.loads(pickle.dumps(answer)))
    drawn = gradtrace.render(trace, "svg")
    assert drawn._repr_mimebundle_()["image/svg+xml"] == drawn == gradtrace.render(trace, "svg")
    framed = gradtrace.page(trace, height=333)._repr_mimebundle_()["text/html"]
    assert framed.startswith('<div><iframe srcdoc="&lt;!doctype html&gt;')
    assert "height:333px" in framed
    assert framed.count("<iframe") == framed.count("</iframe>") == 1
    picture = gradtrace.render(trace, "png")
    assert picture._repr_mimebundle_()["image/png"] == picture
    with pytest.raises(GradtraceError, match="height=0: it is a number of pixels"):
        gradtrace.page(trace, height=0)
    with gradtrace.record() as nothing:
        assert nothing._repr_mimebundle_() == {"text/plain": "<gradtrace.Recording: not over>"}
    assert list(nothing.trace._repr_mimebundle_()) == ["text/plain"]
