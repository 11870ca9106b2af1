"""Every fact is told at the line of the user's own that a person would point to, and names the library in between."""

import functools
import os
import subprocess
import sys
import sysconfig
import types
from pathlib import Path

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import EventKind
from gradtrace.recorder import sites
from gradtrace.recorder.sites import is_own, own_frame, settle_own_folders, user_place
from gradtrace.recording import load

LIBRARY = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 1)

    def forward(self, x):
        return self.fc(x).detach() + self.fc(x) * 3

class Trainer:
    def __init__(self, net):
        self.optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def fit(self, x, step, epochs):
        for _ in range(epochs):
            self.optimizer.zero_grad()
            loss = step(x)
            loss.backward()
            self.optimizer.step()
"""
SCRIPT = """\
import torch, library
from steps import make_step

net = library.Net()
trainer = library.Trainer(net)
trainer.fit(torch.ones(3, 2), make_step(net), 5)
"""
STEPS = """\
def make_step(net):
    def step(x):
        out = net(x)
        return out.mean()
    return step
"""


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """A script, a module of the folder it is started in, and a library that does all the work."""
    folder = tmp_path_factory.mktemp("own")
    packages, scripts, here = folder / "lib" / "site-packages", folder / "scripts", folder / "here"
    for place, name, text in (
        (packages, "library.py", LIBRARY),
        (scripts, "train.py", SCRIPT),
        (here, "steps.py", STEPS),
    ):
        place.mkdir(parents=True)
        (place / name).write_text(text)
    paths = [str(Path(sites.__file__).parents[2]), str(packages), str(here)]
    words = ["record", "--facts", "-o", str(folder / "one.gtrace"), str(scripts / "train.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([sys.executable, "-m", "gradtrace", *words], check=True, cwd=here, env=environment, timeout=120)
    return load(folder / "one.gtrace")


def spot(location):
    """File and line, and those of the library's."""
    if location is None:
        return None
    assert location.via is None or location.via.via is None
    return (f"{Path(location.file).name}:{location.line}", spot(location.via))


FIT = "train.py:6"


def test_passes_steps_and_zero_grad_are_the_user_s(trace):
    """Also those that are only counted."""
    kinds = {EventKind.ZERO_GRAD: 18, EventKind.STEP: 21, EventKind.BACKWARD: 20}
    for kind, line in kinds.items():
        found = {spot(one.location) for one in trace.events if one.kind == kind}
        assert found == {(FIT, (f"library.py:{line}", None))}, kind
    assert sum(one.count for one in trace.passes) == 5
    assert {spot(one.location) for one in trace.passes} == {(FIT, ("library.py:20", None))}


def test_an_optimizer_is_made_where_the_user_asked_for_what_makes_it(trace):
    """The library's constructor is beside it."""
    assert [spot(one.location) for one in trace.optimizers] == [("train.py:5", ("library.py:14", None))]


def test_operations_are_the_user_s_innermost_line(trace):
    """Of a module in a library that line is the module's call; of what it does itself there is nothing in between."""
    nodes = trace.passes[0].graph.nodes
    found = {(one.op, spot(one.location)) for one in nodes if one.location is not None}
    assert ("mean", ("steps.py:4", None)) in found
    assert ("mul", ("steps.py:3", ("library.py:10", None))) in found
    assert ("addmm", ("steps.py:3", ("library.py:10", None))) in found


def test_what_a_line_assigns_is_what_its_call_returned(trace):
    """And not each operation within it."""
    nodes = trace.passes[0].graph.nodes
    assert [one.op for one in nodes if one.name == "out"] == ["add"]


def test_a_cut_in_a_library_is_the_user_s_too(trace):
    """By way of the line that cuts."""
    found = [(one.call, spot(one.location)) for one in trace.cuts]
    assert found == [("detach", ("steps.py:3", ("library.py:10", None)))]


def test_two_cuts_below_one_line_of_the_user_s_are_two(tmp_path):
    """The library's lines tell them apart."""
    library = load_library("def both(x):\n    a = x.detach()\n    b = x.detach()\n    return a + b\n")
    with recorded(tmp_path, facts=True) as session:
        x = torch.ones(2, requires_grad=True)
        for _ in range(2):
            library["both"](x * 2)

    found = [(one.count, one.location.line, one.location.via.line) for one in session.trace().cuts]
    (line,) = {one[1] for one in found}
    assert found == [(2, line, 2), (2, line, 3)]


def test_two_lines_of_the_user_s_are_told_apart_below_one_of_a_library_s(tmp_path):
    """Though torch is called from the same place."""
    library = load_library("def twice(x):\n    return x * 2\n")
    with recorded(tmp_path) as session:
        x = torch.ones(2, requires_grad=True)
        one = library["twice"](x)
        two = library["twice"](one)
        two.sum().backward()

    nodes = session.trace().passes[0].graph.nodes
    lines = {node.name: (node.location.line, node.location.via.line) for node in nodes if node.op == "mul"}
    assert lines["two"] == (lines["one"][0] + 1, 2)


def test_an_object_of_a_library_is_not_the_root_whose_backward_it_calls(tmp_path):
    """`engine.backward(...)` says `.backward` of the engine, and nobody knows what that does."""
    library = load_library("class Engine:\n    def backward(self, holder):\n        holder[0].sum().backward()\n")
    with recorded(tmp_path) as session:
        engine = library["Engine"]()
        engine.backward([torch.ones(2, requires_grad=True) * 2])
        torch.Tensor.backward((torch.ones(2, requires_grad=True) * 2).sum())

    assert [one.roots[0].name for one in session.trace().passes] == [None, None]


def test_without_a_file_of_the_user_s_the_library_is_the_place():
    """As where an installed command runs an installed program."""
    library = load_library("import sys\ndef look(call):\n    return call(sys._getframe())\n")

    def look(frame):
        return own_frame(frame), user_place(frame, "x")

    found = library["look"](lambda frame: (frame.f_code, look(frame)))
    code, (own, place) = found
    assert (own.f_code.co_name, place.via.code) == (
        "test_without_a_file_of_the_user_s_the_library_is_the_place",
        code,
    )

    class Alone:
        f_code, f_lasti, f_back = code, 0, None

    assert own_frame(Alone()) is None
    assert user_place(Alone(), "x") == (code, 0, "x", None)


def load_library(source, file="/srv/venv/lib/python3/site-packages/library/__init__.py"):
    names = {}
    exec(compile(source, file, "exec"), names)
    return names


def code_in(file, qualname=None):
    code = (lambda: None).__code__.replace(co_filename=str(file))
    return code if qualname is None else code.replace(co_qualname=qualname)


@pytest.mark.parametrize(
    ("file", "own"),
    [
        (Path.cwd() / "train.py", True),
        ("train.py", True),
        (Path.cwd() / "pkg" / "net.py", True),
        (Path.cwd() / ".venv" / "lib" / "python3.11" / "site-packages" / "lib.py", False),
        ("/usr/lib/python3/dist-packages/lib.py", False),
        (Path(sysconfig.get_paths()["stdlib"]) / "functools.py", False),
        (Path(sysconfig.get_paths()["scripts"]) / "accelerate", False),
        (torch.__file__, False),
        ("/somewhere/else/lib.py", False),
        (str(Path.cwd()) + "-old/train.py", False),
        ("<stdin>", True),
        ("<ipython-input-3-abc>", True),
        ("/tmp/ipykernel_123/456.py", True),
        ("<frozen importlib._bootstrap>", False),
        ("<eval_with_key>.0", False),
    ],
)
def test_whose_a_file_is(file, own):
    """The user's below the script's folder and the one it was started in, where nobody installs packages."""
    settle_own_folders()
    assert is_own(code_in(file)) is own


def test_what_dataclasses_write_is_nobody_s():
    """Its file is called as what `python -c` runs."""
    assert not is_own(code_in("<string>", "__create_fn__.<locals>.__init__"))


def test_the_same_file_by_another_name_is_the_user_s(tmp_path, monkeypatch):
    """Projects lie behind links; the folder is known by both names."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "net.py").write_text("")
    with monkeypatch.context() as patched:
        patched.chdir(real)
        settle_own_folders()
        assert is_own(code_in(link / "net.py"))
    settle_own_folders()
    assert not is_own(code_in(link / "net.py"))


def test_the_standard_library_is_passed_through(tmp_path):
    """Nobody wants to read where `functools` calls."""
    with recorded(tmp_path) as session:
        x = torch.ones(2, requires_grad=True)
        functools.reduce(lambda a, b: a * b, [x, x, x]).sum().backward()
        library = load_library("import copy\ndef copies(x):\n    return copy.deepcopy(x) * 2\n")
        library["copies"](x).sum().backward()

    first, second = session.trace().passes
    assert {one.location.via for one in first.graph.nodes if one.op == "mul"} == {None}
    assert [one.location.via.function for one in second.graph.nodes if one.op == "mul"] == ["copies"]


def test_what_a_script_gives_to_exec_is_told_at_the_line_of_the_script(tmp_path, monkeypatch):
    """Its text is in no file; of a program that is in none either, as that of `python -c`, it may be the program."""
    main = types.ModuleType("__main__")
    for name in ("__main__", "__mp_main__"):
        monkeypatch.setitem(sys.modules, name, main)
    settle_own_folders()
    assert is_own(code_in("<string>"))
    main.__file__ = str(tmp_path / "train.py")
    settle_own_folders()
    assert not is_own(code_in("<string>"))
    assert is_own(code_in("<stdin>"))


def test_a_class_that_torch_dispatches_to_is_not_where_torch_was_called(tmp_path):
    """The line that called torch stands further out than its `__torch_function__`."""

    class Named(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return super().__torch_function__(func, types, args, kwargs or {})

    w = torch.ones(2).as_subclass(Named).requires_grad_()
    with recorded(tmp_path) as session:
        loss = (w**2).sum()
        loss.backward()
    one = session.trace().passes[0]
    assert one.location.text.strip() == "loss.backward()"
    assert {node.location.line for node in one.graph.nodes if node.leaf is None} == {one.location.line - 1}
    assert "handle_torch_function" not in {node.call for node in one.graph.nodes}


def test_a_module_with_hooks_is_called_as_one_without(tmp_path):
    """Torch calls it through a function of its own, which is no operation."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())
    for part in net:
        part.register_forward_hook(lambda *_: None)
        part.register_full_backward_hook(lambda *_: None)
    with recorded(tmp_path) as session:
        net(torch.ones(1, 2, requires_grad=True)).sum().backward()
    calls = {node.call for node in session.trace().passes[0].graph.nodes if node.leaf is None}
    assert {"linear", "sigmoid"} <= calls
    assert "inner" not in calls
