"""Places, modules and variables, found from a frame without changing it."""

import sys
import weakref

import pytest
import torch
from torch import nn

from gradtrace.recorder.sites import (
    ModuleTable,
    is_internal,
    local,
    locals_of,
    outermost_module,
    running_module,
    user_frame,
    user_place,
)


class Kept:
    pass


def look():
    """What is seen of the variables of who calls this."""
    return locals_of(sys._getframe(1))


def test_the_variables_of_a_function_are_copied():
    """Arguments, variables and those of an enclosing function."""
    outside = 1

    def function(argument):
        variable = outside + argument
        found = look()
        return found, variable

    found, _ = function(2)
    assert {name: found[name] for name in ("argument", "variable", "outside")} == {
        "argument": 2,
        "variable": 3,
        "outside": 1,
    }


def test_what_locals_gave_is_never_changed():
    """A function that asked for it is not looked into at all: its dictionary would be written to."""

    def function():
        variable = 1
        given = locals()
        variable = 2
        found = look()
        return variable, given, found

    variable, given, found = function()
    assert variable == 2
    assert given == {"variable": 1}
    if sys.version_info < (3, 13):
        assert found == {}


@pytest.mark.parametrize("way", ["locals()", "vars()", "eval('locals()')", "sys._getframe().f_locals"])
def test_what_the_program_got_in_another_way_is_not_changed_either(way):
    """`vars`, `eval` and the frame itself."""
    namespace = {"sys": sys, "look": look}
    source = f"def function():\n    variable = 1\n    given = {way}\n    before = dict(given)\n    variable = 2\n"
    exec(f"{source}    look()\n    return before, dict(given)", namespace)

    before, after = namespace["function"]()
    assert before["variable"] == 1
    if sys.version_info < (3, 13) or "f_locals" not in way:
        assert after == before


def test_methods_of_these_names_ask_for_nothing():
    """`model.eval()`, `torch.stack(...)` and `arguments.dir` stand in nearly every training function."""

    def function(model):
        model.eval()
        model.stack(model.dir)
        return look()

    assert "model" in function(Everything())


class Everything:
    dir = "runs"

    def eval(self):
        """Nothing."""

    def stack(self, _):
        """Nothing."""


def test_what_somebody_else_got_from_the_frame_is_not_emptied():
    """A debugger holds the dictionary of a function which it looks at."""

    def debugged(frame):
        return frame.f_locals

    def function(number):
        given = debugged(this())
        return given, look()

    this = vars(sys)["_getframe"]
    given, found = function(1)

    assert (given["number"], found["number"]) == (1, 1)


def test_nothing_is_kept_alive_by_a_look():
    """What a function drops is dropped, though it was looked at before."""

    def function():
        variable = Kept()
        reference = weakref.ref(variable)
        look()
        del variable
        return reference()

    assert function() is None


def test_the_variables_of_a_class_and_of_a_module_are_their_namespace():
    """These may be looked at as they are; the copy is nobody else's."""

    class Body:
        name = 1
        found = look()

    frame_of_module = {}
    exec("found = look()", {"look": look}, frame_of_module)
    Body.found["name"] = 2

    assert Body.name == 1
    assert "found" not in frame_of_module["found"]


def test_one_variable_by_its_name():
    """Or None."""

    def ask():
        frame = sys._getframe(1)
        return local(frame, "number"), local(frame, "missing")

    def function(number):
        return number, ask()

    assert function(3) == (3, (3, None))


def test_frames_of_torch_are_never_the_program_s():
    """Neither are those of contextlib, with which torch decorates."""
    found = []

    class Watching(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            frame = sys._getframe(1)
            found.append((is_internal(frame.f_code), user_frame(frame).f_code, user_place(frame, "x").call))
            return func(*args, **(kwargs or {}))

    one = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([one])
    one.grad = torch.ones(1)
    with Watching():
        nn.functional.gaussian_nll_loss(one, one, one.detach())
        optimizer.step()

    code = sys._getframe().f_code
    assert {(is_ours, where, call) for is_ours, where, call in found if is_ours} == {(True, code, "x")}


def test_without_a_frame_there_is_no_place():
    """As at the end of the program."""
    assert (user_frame(None), user_place(None, "x"), running_module(None), outermost_module(None)) == (None,) * 4


def test_the_module_that_runs_is_found_on_the_stack():
    """The innermost and the outermost, without a hook."""
    found = []

    class Inner(nn.Module):
        def forward(self, x):
            frame = sys._getframe()
            found.append((running_module(frame), outermost_module(frame)))
            return x

    inner = Inner()
    outer = nn.Sequential(nn.Sequential(inner))
    outer(torch.ones(1))
    outside = running_module(sys._getframe())

    assert found == [(inner, outer)]
    assert outside is None


def test_modules_have_small_numbers_and_may_die():
    """One that comes after another has died, and lies at its address, gets a number of its own."""
    table = ModuleTable()
    frame = sys._getframe()
    kept = nn.Linear(1, 1)
    numbers = [table.number(kept, frame), table.number(kept, frame)]
    references = []
    for _ in range(3):
        module = nn.Linear(1, 1)
        references.append(weakref.ref(module))
        numbers.append(table.number(module, frame))
        del module

    assert numbers == [0, 0, 1, 2, 3]
    assert [reference() for reference in references] == [None] * 3
