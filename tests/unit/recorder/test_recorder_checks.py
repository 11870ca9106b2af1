"""The checks for overrides answer as if our mode were not there, and as the originals otherwise."""

import importlib
import sys
import types

import pytest
import torch
from recorder_session import recorded
from torch.overrides import TorchFunctionMode

from gradtrace.recorder import compiled_regions, override_checks, torch_facts
from gradtrace.recorder.patches import Patches


class Theirs(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Overriding(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "overridden"


class Inheriting(torch.Tensor):
    pass


class Disabled(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl


class NoTensor:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "overridden"


def arguments():
    return {
        "plain": torch.ones(1),
        "a parameter": torch.nn.Parameter(torch.ones(1)),
        "overriding": torch.ones(1).as_subclass(Overriding),
        "inheriting": torch.ones(1).as_subclass(Inheriting),
        "disabled": torch.ones(1).as_subclass(Disabled),
        "no tensor": NoTensor(),
        "none": None,
        "a number": 1,
    }


def answers(checks):
    """What each check says of each argument."""
    found = {}
    for name, one in arguments().items():
        found[name] = (
            bool(checks["has_torch_function"]((torch.ones(1), one))),
            bool(checks["has_torch_function_unary"](one)),
            bool(checks["has_torch_function_variadic"](None, one)),
        )
    return found


ORIGINALS = torch_facts.HAS_TORCH_FUNCTION


def test_while_only_our_mode_is_there_they_answer_as_without_it(tmp_path):
    """The originals would say yes to everything."""
    without = answers(ORIGINALS)
    with recorded(tmp_path):
        kept = torch.functional.__dict__["has_torch_function"]
        with_ours = answers(override_checks._replacements())
        originals = answers(ORIGINALS)

    assert kept is override_checks._replacements()["has_torch_function"]
    assert with_ours == without
    assert set(originals.values()) == {(True, True, True)}


def test_with_a_mode_of_the_program_s_they_ask_the_originals(tmp_path):
    """It is to see the call."""
    with recorded(tmp_path), Theirs():
        found = answers(override_checks._replacements())

    assert set(found.values()) == {(True, True, True)}


def test_a_check_that_somebody_kept_answers_as_the_original_afterwards(tmp_path):
    """With a mode and without."""
    with recorded(tmp_path):
        kept = override_checks._replacements()
    without, original = answers(kept), answers(ORIGINALS)
    with Theirs():
        with_mode = answers(kept)

    assert without == original
    assert set(with_mode.values()) == {(True, True, True)}
    assert torch.functional.has_torch_function is ORIGINALS["has_torch_function"]


def test_a_function_of_torch_hands_a_subclass_its_call(tmp_path):
    """As without us."""
    with recorded(tmp_path):
        found = torch.nn.functional.cross_entropy(torch.ones(2).as_subclass(Overriding), torch.ones(2))

    assert found == "overridden"


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_compiles_a_function_that_uses_one(tmp_path):
    """It knows the replacements as it knows the originals: to it they are False."""
    with recorded(tmp_path):
        compiled = script()
        within = compiled(torch.ones(1)).item()

    assert (within, compiled(torch.ones(1)).item()) == (2.0, 2.0)


def script():
    has_torch_function_unary = override_checks._replacements()["has_torch_function_unary"]

    def twice(x: torch.Tensor) -> torch.Tensor:
        if has_torch_function_unary(x):
            return x
        return x * 2

    return torch.jit.script(twice)


def test_what_they_are_called_is_what_the_originals_are_called():
    """Who looks at them finds the same name and text."""
    for name, check in override_checks._replacements().items():
        assert (check.__name__, check.__doc__) == (ORIGINALS[name].__name__, ORIGINALS[name].__doc__)
        assert check.__wrapped__ is ORIGINALS[name]


# The watch for compiled code.


def test_the_finder_of_torch_s_folder_waits_and_is_as_before_afterwards(tmp_path, monkeypatch):
    """A package in a folder of its own stands for Dynamo, which takes seconds to import."""
    package = tmp_path / "stand_in"
    (package / "_dynamo").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "_dynamo" / "__init__.py").write_text("from . import eval_frame\n")
    source = """
class _TorchDynamoContext:
    def __init__(self, callback=None):
        self.callback = callback
        self.enter_exit_hooks = []
"""
    (package / "_dynamo" / "eval_frame.py").write_text(source)
    monkeypatch.setattr(compiled_regions, "_PACKAGE", "stand_in._dynamo")
    monkeypatch.setattr(compiled_regions, "_MODULE", "stand_in._dynamo.eval_frame")
    monkeypatch.setattr(torch_facts, "TORCH_DIRECTORY", f"{package}/")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("stand_in")
    importlib.machinery.PathFinder.find_spec("stand_in._dynamo", [str(package)])
    finder = sys.path_importer_cache[str(package)]
    before = vars(finder).copy()

    patches, failed = Patches(), []

    def enter():
        return lambda: None

    compiled_regions.watch(patches, enter, failed.append)
    waiting = "find_spec" in vars(finder)
    module = importlib.import_module("stand_in._dynamo.eval_frame")
    contexts = [module._TorchDynamoContext(callback) for callback in (None, False, print)]
    original = module._TorchDynamoContext.__init__.__wrapped__
    after = set(vars(finder))
    loaders = [sys.modules.pop(name).__spec__.loader for name in ("stand_in._dynamo", "stand_in._dynamo.eval_frame")]
    patches.undo()
    del sys.modules["stand_in"]

    assert waiting
    assert after == set(before)
    assert [one.enter_exit_hooks for one in contexts] == [[], [], [enter]]
    assert module._TorchDynamoContext.__init__ is original
    assert [set(vars(one)) for one in loaders] == [{"name", "path"}] * 2
    assert failed == []


def test_tracing_tells_when_it_begins_and_ends():
    """What is traced is as without us."""
    told, patches = [], Patches()

    def enter():
        told.append("entered")
        return lambda: told.append("left")

    compiled_regions._watch_fx(patches, enter)
    try:
        traced = torch.fx.symbolic_trace(torch.nn.ReLU())
    finally:
        patches.undo()
    untold = torch.fx.symbolic_trace(torch.nn.ReLU())

    assert told == ["entered", "left"]
    assert traced(-torch.ones(1)).item() == 0.0
    assert untold.code == traced.code


def test_who_asks_for_a_check_gets_the_original(tmp_path):
    """Of whichever module of torch; torch's own functions find the replacement."""
    with recorded(tmp_path):
        asked = [torch.functional.has_torch_function, torch.overrides.has_torch_function]
        imported = importlib.import_module("torch.overrides").has_torch_function
        found = vars(torch.functional)["has_torch_function"]
    afterwards = vars(torch.functional)["has_torch_function"], type(torch.functional), type(torch.overrides)

    original = ORIGINALS["has_torch_function"]
    assert [*asked, imported] == [original] * 3
    assert found is not original
    assert afterwards == (original, types.ModuleType, types.ModuleType)
