"""A host cuts a recording into windows while it goes on; a fork begins one; what a cell is called in it."""

import json
import linecache
import os
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from recorder_session import recorded
from torch import nn

from gradtrace import recorder
from gradtrace.diagnosis.all_needs import EVERYBODYS
from gradtrace.model import Blind, ObservationKind, Trace
from gradtrace.recorder import live
from gradtrace.recorder.kernel_cells import KernelCells
from gradtrace.recorder.reloading import function_name, reloaded
from gradtrace.recording import load, merge


def read(streams: Path) -> Trace:
    """The recording that the streams in a folder make; how it ended stands in them."""
    target = streams.with_suffix(".gtrace")
    merge(streams, target=target)
    return load(target)


def test_a_window_stands_alone_and_the_next_goes_on(tmp_path: Path):
    """Leaves, optimizers and models are described anew; a graph that was built before keeps its lines."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()

    options = {"passes": ((1, 2),), "facts": True, "needs": EVERYBODYS, "step_norms": 1}
    with recorded(tmp_path, **options) as session:
        here = recorder.current()
        for _ in range(5):
            step()
        live.ask_again(here, ((1, 1),))
        loss = net(torch.ones(1, 2)).sum()
        (tmp_path / "next").mkdir()
        assert live.begin_window(here, tmp_path / "next", {"net": net, "optimizer": optimizer})
        loss.backward()
        step()
    first, second = read(session.directory), load(tmp_path / "next" / session.stream.name)
    assert [one.recorded for one in first.passes] == ["full", "full", "ledger"]
    assert (first.passes[-1].count, first.run.status, first.run.complete) == (3, 0, True)
    assert {leaf.name for leaf in first.leaves} == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert [len(series.steps) for series in (*first.step_norms, *second.step_norms)] == [5, 1]
    assert [(one.recorded, one.count) for one in second.passes] == [("full", 1), ("ledger", 1)]
    assert {leaf.name for leaf in second.leaves} == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert {node.location.text.strip() for node in second.passes[0].graph.nodes if node.location} == {
        "loss = net(torch.ones(1, 2)).sum()"
    }
    assert [one.type for one in second.optimizers] == ["SGD"]


def test_a_window_does_not_end_inside_a_pass_or_under_a_reader(tmp_path: Path):
    """What runs stands whole in one stream."""
    w = torch.ones(2, requires_grad=True)
    seen = []
    (tmp_path / "next").mkdir()
    with recorded(tmp_path) as session:
        here = recorder.current()
        loss = (w * w).sum()
        loss.register_hook(lambda gradient: seen.append(live.begin_window(here, tmp_path / "next", {})))
        loss.backward()
        here.n_readers += 1
        seen.append(live.begin_window(here, tmp_path / "next", {}))
        here.n_readers -= 1
    assert seen == [False, False]
    assert len(session.trace().passes) == 1
    assert not list((tmp_path / "next").iterdir())


def test_each_window_says_that_its_tensors_are_fake(tmp_path: Path):
    """Who reads one of them alone has to know."""
    w = torch.ones(3, device="meta", requires_grad=True)
    (tmp_path / "next").mkdir()
    with recorded(tmp_path) as session:
        here = recorder.current()
        w.exp().sum().backward()
        live.ask_again(here, ((1, 1),))
        assert live.begin_window(here, tmp_path / "next", {})
        w.exp().sum().backward()
    for trace in (read(session.directory), load(tmp_path / "next" / session.stream.name)):
        assert Blind.FAKE_TENSORS in {spot.reason for spot in trace.run.blind_spots}


def without_grad(stream: Path) -> list[int]:
    """How many calls were made without a graph although a tensor asked for one."""
    return [one.count for one in load(stream).run.observations if one.kind == ObservationKind.OPS_WITHOUT_GRAD]


def test_each_window_counts_its_own_calls(tmp_path: Path):
    """Of the same program in two windows the same is counted, with a graph and without."""
    w = torch.tensor(2.0, requires_grad=True)

    def program():
        loss = (w * w).exp() * 3
        with torch.no_grad():
            (w + 1).sin()
        loss.backward()
        return loss.detach() + 1

    (tmp_path / "next").mkdir()
    with recorded(tmp_path) as session:
        here = recorder.current()
        program()
        live.ask_again(here, ((1, 1),))
        assert live.begin_window(here, tmp_path / "next", {})
        program()
    first, second = (
        {one.kind: one.count for one in trace.run.observations}
        for trace in (read(session.directory), load(tmp_path / "next" / session.stream.name))
    )
    assert first[ObservationKind.OPS_WITH_GRAPH] == second[ObservationKind.OPS_WITH_GRAPH] == 3
    assert first[ObservationKind.OPS] == second[ObservationKind.OPS] > 3


def test_a_graph_that_is_run_in_a_fork_is_read(tmp_path: Path):
    """The passes of the parent are not counted in the child, whose numbers begin at 1; nor are its calls."""
    w = torch.tensor(2.0, requires_grad=True)
    with recorded(tmp_path, facts=True, needs=EVERYBODYS) as session:
        with torch.no_grad():
            w.exp()
        for _ in range(3):
            (w * w).backward()
        loss = w * w * 3
        child = os.fork()
        if child == 0:
            try:
                loss.backward()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    (stream,) = set(session.directory.glob("*.stream")) - {session.stream}
    (one,) = load(stream).passes
    assert [without_grad(each) for each in (session.stream, stream)] == [[1], [0]]
    assert one.accumulations[0].contribution.value == 12.0
    assert one.graph.nodes[0].location.text.strip() == "loss = w * w * 3"


def test_to_print_a_tensor_cuts_nothing_off(tmp_path: Path):
    """What torch computes to write it down is no part of the program."""
    w = torch.tensor([0.5, 2.0], requires_grad=True)
    with recorded(tmp_path, facts=True, needs=EVERYBODYS) as session:
        loss = (w * w).sum()
        assert repr(loss)
        assert str(w)
        loss.backward()
        kept = w.tolist()
    trace = session.trace()
    assert [leaf.name for leaf in trace.leaves] == ["w"]
    assert [one.kind for one in trace.cuts] == ["tolist"]
    assert kept == [0.5, 2.0]


def test_a_text_that_cannot_be_read_is_the_place_of_the_error(tmp_path: Path):
    """Behind the calls that led to it; what is no file has none."""
    file = tmp_path / "broken.py"
    file.write_text("def f():\n    y = = 2\n", "utf-8")
    with recorded(tmp_path) as session:
        for name in (str(file), "<string>"):
            try:
                compile(file.read_text("utf-8"), name, "exec")
            except SyntaxError as error:
                live.write_failure(recorder.current(), error)
                if name == str(file):
                    found = session.trace().run.error.frames[-1]
    assert (found.file, found.line, found.column, found.text) == (str(file), 2, 9, "    y = = 2")
    assert session.trace().run.error.frames[-1].file == __file__


def test_writes_to_memory_that_another_tensor_had_are_not_blamed(tmp_path: Path):
    """The address is the same, and the version began anew."""
    memory = torch.empty(4)
    with recorded(tmp_path, facts=True, needs=EVERYBODYS) as session:
        for _ in range(2):
            kept = torch.from_dlpack(memory)  # each has versions of its own, and all the same memory
            w = torch.ones(4, requires_grad=True)
            loss = (w * kept).sum()
            kept.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
    (one,) = session.trace().passes
    assert [write.call for write in one.error.conflict.writes] == ["mul_"]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for IPython's, with what it knows of three cells."""
    history = ["", "import torch", "\n\nw = 1\nw", "w = 1"]
    files = {f"/tmp/ipykernel_7/{number}.py": number for number in (1, 2, 3)}
    known = SimpleNamespace(
        compile=SimpleNamespace(_filename_map=files), history_manager=SimpleNamespace(input_hist_raw=history)
    )
    monkeypatch.setattr(InteractiveShell, "_instance", known)
    return known


def named(file: str, source: str = "w = 1", notebooks: tuple[str, ...] = ()) -> tuple[str, int]:
    """What the code of a file is called, and how many lines stand before it."""
    return KernelCells(notebooks).named(file, compile(source, file, "exec").co_names)[:2]


def test_a_cell_is_called_as_its_prompt(shell: SimpleNamespace):
    """Lines count from the first of the cell, also where IPython leaves out empty ones."""
    assert named("/tmp/ipykernel_7/2.py") == ("In [2]", 2)
    assert named("/tmp/ipykernel_7/3.py") == ("In [3]", 0)
    assert named("/home/me/train.py") == ("/home/me/train.py", 0)
    assert named("/tmp/ipykernel_7/unknown.py") == ("/tmp/ipykernel_7/unknown.py", 0)
    shell.history_manager.input_hist_raw[2:] = []
    assert named("/tmp/ipykernel_7/2.py") == ("In [2]", 0)


def test_what_is_timed_is_found_in_its_cell(shell: SimpleNamespace):
    """Below `%%time`, also beneath another magic, or behind `%time`; of several the last that may be it."""
    cells = ["%%time\n\nz = a + b\n", "%%capture\n%%time\nz = a + c", "%%timeit\nz = a + d", "1\ny = %time a + e"]
    shell.history_manager.input_hist_raw[1:] = cells
    assert named("<timed exec>", "z = a + b") == ("In [1]", 2)
    assert named("<timed exec>", "z = a + c") == ("In [2]", 2)
    assert named("<timed exec>", "z = a + d") == ("<timed exec>", 0)
    assert named("<timed eval>", "a + e") == ("In [4]", 1)


def test_a_function_that_was_reloaded_has_the_line_of_its_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`%autoreload` compiles it from a text of its own; the file is read anew, and other code keeps its lines."""
    file = tmp_path / "layers.py"
    file.write_text("def f(x):\n    return x\n", "utf-8")
    linecache.getlines(str(file))
    file.write_text(
        "import torch\n\nclass A:\n    # it doubles\n    def f(self, x):\n\n        return x * 2\n", "utf-8"
    )
    names: dict[str, types.FunctionType] = {}
    exec(compile("def f(self, x):\n    return x * 2", str(file), "exec"), names)
    alone, in_place = names["f"].__code__, names["f"].__code__.replace(co_firstlineno=5, co_qualname="A.f")
    wrapped = alone.replace(co_qualname="__autoreload_class__.f")
    span = (2, 11, 2, 16)
    monkeypatch.delitem(sys.modules, "IPython.extensions.deduperreload", raising=False)
    assert reloaded(wrapped, span) == span
    monkeypatch.setitem(sys.modules, "IPython.extensions.deduperreload", types.ModuleType("deduperreload"))
    assert [reloaded(code, span)[0] for code in (alone, wrapped, in_place)] == [5, 5, 2]
    assert function_name(wrapped) == "f"
    timed = [alone.replace(co_filename="<magic-timeit>", co_qualname=name) for name in ("inner", "inner.<locals>.f")]
    assert list(map(function_name, timed)) == ["<module>", "f"]
    file.write_text("def f(): 1\nclass A:\n    def f(self): 2\n", "utf-8")
    os.utime(file, (1, 1))
    assert reloaded(wrapped, span) == span  # which of the two it is nobody knows


@pytest.mark.parametrize(
    ("cell", "source", "end", "expected"),
    [
        ("%%timeit -n 2 -r1\n\nx = a\nx.f()", "x = a\nx.f()", (2, 5), ("In [1]", 2, True)),
        ("%%capture\n%%timeit\na.f()", "a.f()", (1, 5), ("In [1]", 2, True)),
        ("%%timeit v = b.g()\na.f()", "v = b.g()\na.f()", (1, 9), ("In [1]", 0, False)),
        ("%%timeit v = b.g()\na.f(9)", "a.f(9)", (1, 6), ("In [1]", 1, True)),
        ("%%timeit b.f()\na.f()", "a.f()\nb.f()", (1, 5), ("In [1]", 0, False)),
        ("%%timeit -n 1\nc = a.f()", "a.f(1)", (1, 6), ("<magic-timeit>", 0, True)),
        ("1\nr = %timeit -o  -n 3 a.f() + 1", "a.f()", (1, 5), ("In [1]", 1, False)),
        ("%timeit c = a.f()", "a.f(1)", (1, 6), ("<magic-timeit>", 0, True)),
    ],
)
def test_what_is_repeated_is_found_in_its_cell(shell: SimpleNamespace, cell: str, source: str, end, expected):
    """Below `%%timeit`, in its first line if that is to be prepared, or behind `%timeit`; never in another's line."""
    shell.history_manager.input_hist_raw[1:] = [cell]
    names = compile(source, "<magic-timeit>", "exec").co_names
    found = KernelCells().named("<magic-timeit>", names, (end[0], 0, *end))
    assert (found.file, found.n_before, found.has_columns) == expected


def test_a_notebook_that_a_cell_runs_has_its_own_cells(shell: SimpleNamespace, tmp_path: Path):
    """Found by their text, which IPython keeps under a name that it does not know itself."""
    other = tmp_path / "other.ipynb"
    cells = [{"cell_type": "markdown", "source": "a"}, {"cell_type": "code", "source": "\n\nw = 1\nw"}]
    other.write_text(json.dumps({"cells": cells}), "utf-8")
    shell.history_manager.input_hist_raw[1:] = [f"x = 1\n%run -i '{other}'", "y = 1"]
    linecache.cache["/tmp/ipykernel_7/9.py"] = (5, None, ["w = 1\n", "w\n"], "/tmp/ipykernel_7/9.py")
    assert named("/tmp/ipykernel_7/9.py") == (f"{other}:cell 2", 2)
    linecache.cache["/tmp/ipykernel_7/9.py"] = (5, None, ["w = 2\n"], "/tmp/ipykernel_7/9.py")
    assert named("/tmp/ipykernel_7/9.py") == ("/tmp/ipykernel_7/9.py", 0)
    del linecache.cache["/tmp/ipykernel_7/9.py"]


def test_what_is_profiled_is_found_in_the_latest_cell(shell: SimpleNamespace):
    """Any other text that a program executes is called alike."""
    history = shell.history_manager.input_hist_raw
    for cell, place in (("%%prun -s time\n\na.f()", 2), ("%%prun -q a.f()\nb()", 0), ("1\n%prun a.f()", 1)):
        history[1:] = [cell]
        assert named("<string>", "a.f()") == ("In [1]", place)
    history.append("exec('a.f()')")
    assert named("<string>", "a.f()") == ("<string>", 0)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["text", "import torch", "w = 1\nw", "w = 1"], "nb.ipynb:cell 3"),
        (["import torch", "w = 1", "w = 1\nw", "w = 1"], "nb.ipynb:cell 3"),
        (["import torch", "something else"], "In [2]"),
        ([], "In [2]"),
    ],
)
def test_a_cell_of_a_notebook_that_a_command_runs_is_called_as_there(shell, tmp_path: Path, sources, expected):
    """Found by what was run before it; a cell that the file does not have keeps its prompt."""
    file = tmp_path / "nb.ipynb"
    kinds = ["markdown" if one == "text" else "code" for one in sources]
    cells = [{"cell_type": kind, "source": one} for kind, one in zip(kinds, sources, strict=True)]
    file.write_text(json.dumps({"cells": cells}), "utf-8")
    other = tmp_path / "other.ipynb"
    other.write_text("no notebook", "utf-8")
    found, _ = named("/tmp/ipykernel_7/2.py", notebooks=(str(other), str(file)))
    assert found.removeprefix(f"{tmp_path}/") == expected
