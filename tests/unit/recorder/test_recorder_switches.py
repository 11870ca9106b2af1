"""An operation that ran without gradients knows the line that switched them off."""

import contextlib
import sys
import threading

import pytest
import torch
from recorder_session import recorded
from torch import nn
from torch.utils.checkpoint import checkpoint

from gradtrace.model import CutKind, ObservationKind, SwitchKind
from gradtrace.recorder.switches import switched_off_by
from gradtrace.text.cut_words import cut_off

LIBRARY = {}
exec(
    compile(
        "import torch\n\ndef evaluate(f, x):\n    with torch.no_grad():\n        return f(x)\n\n"
        "@torch.no_grad()\ndef generate(x):\n    return x * 2\n",
        "/srv/site-packages/library.py",
        "exec",
    ),
    LIBRARY,
)


def leaf():
    return torch.ones(2, requires_grad=True)


def switch_of(directory, program, kind=CutKind.NO_GRAD):
    """The switch of the only cut of a kind that a program makes."""
    with recorded(directory, facts=True) as session:
        program(leaf())
    (cut,) = [one for one in session.trace().cuts if one.kind == kind]
    assert cut.switch is not None
    return cut.switch


def text(location):
    return location.text.strip()


def check(switch, kind, call, line):
    assert (switch.kind, switch.call, text(switch.location)) == (kind, call, line)
    assert switch.location.via is None


def test_a_with_block(tmp_path):
    """Also one with several managers, at its own manager."""

    def program(x):
        with contextlib.nullcontext(), torch.no_grad():
            return x * 2

    switch = switch_of(tmp_path, program)
    check(switch, SwitchKind.WITH, "torch.no_grad", "with contextlib.nullcontext(), torch.no_grad():")
    assert switch.location.text[switch.location.column - 1 :].startswith("torch.no_grad()")


def test_inference_mode(tmp_path):
    """Is a kind of cut of its own."""

    def program(x):
        with torch.inference_mode():
            return x * 2

    switch = switch_of(tmp_path, program, CutKind.INFERENCE_MODE)
    check(switch, SwitchKind.WITH, "torch.inference_mode", "with torch.inference_mode():")


def test_the_block_in_which_the_call_stands_and_no_other(tmp_path):
    """Neither one that has ended nor one that switches nothing off."""

    def program(x):
        with torch.no_grad():
            torch.ones(1)
        with torch.set_grad_enabled(False):
            with torch.set_grad_enabled(True):
                y = x * 2
            with contextlib.suppress(ValueError), contextlib.nullcontext():
                try:
                    for _ in range(1):
                        x * 3
                finally:
                    del y

    check(
        switch_of(tmp_path, program),
        SwitchKind.WITH,
        "torch.set_grad_enabled",
        "with torch.set_grad_enabled(False):",
    )


def test_the_innermost_of_two(tmp_path):
    """Where both would do."""

    def inner(x):
        with torch.no_grad():
            return x * 2

    def program(x):
        with contextlib.nullcontext(), torch.set_grad_enabled(False):
            inner(x)

    check(switch_of(tmp_path, program), SwitchKind.WITH, "torch.no_grad", "with torch.no_grad():")


def test_a_caller_s_block(tmp_path):
    """The operation itself stands in a function that knows nothing of it."""
    net = nn.Linear(2, 1)

    def program(x):
        with torch.no_grad():
            net(x)

    check(switch_of(tmp_path, program), SwitchKind.WITH, "torch.no_grad", "with torch.no_grad():")


def test_a_block_of_a_variable(tmp_path):
    """What it holds is asked, not what it is called."""

    def program(x):
        quiet = torch.no_grad()
        with quiet:
            return x * 2

    check(switch_of(tmp_path, program), SwitchKind.WITH, "torch.no_grad", "with quiet:")


@contextlib.contextmanager
def evaluating():
    with torch.no_grad():
        yield


class Frozen:
    def __enter__(self):
        self.before = torch.is_grad_enabled()
        torch.set_grad_enabled(False)

    def __exit__(self, *_):
        torch.set_grad_enabled(self.before)


class Model:
    @contextlib.contextmanager
    def quiet(self):
        with torch.no_grad():
            yield

    def run(self, x):
        with self.quiet():
            return x * 2


def test_managers_of_the_program_s_own(tmp_path):
    """A generator function, a class, a method: what they are made of says that they switch."""

    def by_function(x):
        with evaluating():
            return x * 2

    def by_class(x):
        with Frozen():
            return x * 2

    check(switch_of(tmp_path, by_function), SwitchKind.WITH, "evaluating", "with evaluating():")
    check(switch_of(tmp_path, by_class), SwitchKind.WITH, "Frozen", "with Frozen():")
    check(switch_of(tmp_path, Model().run), SwitchKind.WITH, "quiet", "with self.quiet():")


@torch.no_grad()
def decorated(x):
    return x * 2


@torch.set_grad_enabled(False)
def decorated_with_an_argument(x):
    return x * 2


@torch.no_grad()
def generating(x):
    yield x * 2


def test_a_decorated_function(tmp_path):
    """At its decorator, also where it is a generator."""
    check(switch_of(tmp_path, decorated), SwitchKind.DECORATOR, "torch.no_grad", "@torch.no_grad()")
    check(
        switch_of(tmp_path, decorated_with_an_argument),
        SwitchKind.DECORATOR,
        "torch.set_grad_enabled",
        "@torch.set_grad_enabled(False)",
    )
    check(switch_of(tmp_path, lambda x: list(generating(x))), SwitchKind.DECORATOR, "torch.no_grad", "@torch.no_grad()")


def test_what_runs_inside_of_an_enabling_one_is_nobody_s(tmp_path):
    """Gradients are on there."""

    @torch.no_grad()
    def program(x):
        with torch.enable_grad():
            y = x * 3
            y.sum().backward()

    with recorded(tmp_path, facts=True) as session:
        program(leaf())
    assert [one for one in session.trace().cuts if one.kind == CutKind.NO_GRAD] == []


def test_a_statement(tmp_path):
    """The last before the call, in a function that runs."""

    def program(x):
        torch.set_grad_enabled(True)
        torch.set_grad_enabled(False)
        try:
            return x * 2
        finally:
            torch.set_grad_enabled(True)

    switch = switch_of(tmp_path, program)
    check(switch, SwitchKind.CALL, "torch.set_grad_enabled", "torch.set_grad_enabled(False)")


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.mul(2).round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_the_forward_of_a_custom_function(tmp_path):
    """Its name and its definition."""

    def program(x):
        Round.apply(x).sum().backward()

    with recorded(tmp_path, facts=True) as session:
        program(leaf())
    switches = [one.switch for one in session.trace().cuts if one.kind == CutKind.NO_GRAD]
    assert {(one.kind, one.call) for one in switches} == {(SwitchKind.FUNCTION, "Round.forward")}
    assert {one.location.function for one in switches} == {"Round.forward"}


@pytest.mark.filterwarnings("ignore")
def test_a_reentrant_checkpoint(tmp_path):
    """At the line of the user's that asked for it."""

    def block(x):
        return x * 2

    def program(x):
        checkpoint(block, x, use_reentrant=True).sum().backward()

    switch = switch_of(tmp_path, program)
    assert (switch.kind, switch.call) == (SwitchKind.CHECKPOINT, "checkpoint")
    assert text(switch.location) == "checkpoint(block, x, use_reentrant=True).sum().backward()"


def test_a_library_s_block_is_told_by_way_of_the_user_s_line(tmp_path):
    """Both lines are there."""

    def program(x):
        LIBRARY["evaluate"](lambda y: y * 2, x)

    switch = switch_of(tmp_path, program)
    assert (switch.kind, switch.call) == (SwitchKind.WITH, "torch.no_grad")
    assert text(switch.location) == 'LIBRARY["evaluate"](lambda y: y * 2, x)'
    assert (switch.location.via.file, switch.location.via.line) == ("/srv/site-packages/library.py", 4)


def test_a_library_s_decorated_function_too(tmp_path):
    """Its decorator is beside the user's line."""

    def program(x):
        LIBRARY["generate"](x)

    switch = switch_of(tmp_path, program)
    assert (switch.kind, text(switch.location)) == (SwitchKind.DECORATOR, 'LIBRARY["generate"](x)')
    assert (switch.location.via.file, switch.location.via.line) == ("/srv/site-packages/library.py", 7)


def test_a_block_in_torch_itself(tmp_path):
    """`sample()` of a distribution runs without gradients."""

    def program(x):
        torch.distributions.Normal(x, 1.0).sample()

    with recorded(tmp_path, facts=True) as session:
        program(leaf())
    cut = next(one for one in session.trace().cuts if one.kind == CutKind.NO_GRAD)
    assert text(cut.switch.location) == "torch.distributions.Normal(x, 1.0).sample()"
    assert cut.switch.location.via.file.endswith("distributions/normal.py")


def test_what_runs_in_a_pass(tmp_path):
    """A hook computes without gradients unless the pass creates a graph."""

    def program(x):
        y = x * 2
        y.register_hook(lambda gradient: gradient * x)
        y.sum().backward()

    switch = switch_of(tmp_path, program)
    check(switch, SwitchKind.BACKWARD, "backward", "y.sum().backward()")


def test_the_first_operation_without_gradients_of_a_run_is_told_at_any_level(tmp_path):
    """So that a program without any graph can be explained."""
    with recorded(tmp_path) as session:
        x = leaf()
        with torch.no_grad():
            y = x * 2
        (x * y).sum().backward()

    (seen,) = [one for one in session.trace().run.observations if one.kind == ObservationKind.OPS_WITHOUT_GRAD]
    assert (seen.count, seen.switch.kind, text(seen.switch.location)) == (1, SwitchKind.WITH, "with torch.no_grad():")


def test_the_sentence(tmp_path):
    """It names the line of the switch."""
    with recorded(tmp_path, facts=True) as session:
        x = leaf()
        with torch.no_grad():
            y = x * 2
    (cut,) = session.trace().cuts
    assert cut.switch is not None
    line = cut.switch.location.line
    file = "test_recorder_switches.py"
    assert y.shape == (2,)
    assert cut_off(cut) == (
        f"mul() at {file}:{line + 1} ran while gradients were off "
        f"(with torch.no_grad() at {file}:{line} switched them off)"
    )


def test_nothing_of_the_program_s_runs():
    """Managers are not asked for anything."""

    def trap(*_):
        raise AssertionError("asked")

    names = ("__eq__", "__hash__", "__bool__", "__getattr__", "__len__", "__repr__", "__call__")
    manager = type(
        "Manager", (), dict.fromkeys(names, trap) | {"__enter__": lambda _: None, "__exit__": lambda *_: None}
    )

    class Holder:
        def __init__(self):
            self.manager = manager()

        def run(self):
            with self.manager:
                return switched_off_by(vars(sys)["_getframe"]())

    assert Holder().run() is None


def test_where_nobody_can_tell_nothing_is_told():
    """The flag was set by a thread's parent, or nobody switched it."""
    found = []
    thread = threading.Thread(target=lambda: found.append(switched_off_by(vars(sys)["_getframe"]())))
    thread.start()
    thread.join()
    assert found == [None]
    assert switched_off_by(None) is None
