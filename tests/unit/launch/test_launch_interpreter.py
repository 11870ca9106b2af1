"""Which Python runs the program."""

import os
import sys

import pytest

from gradtrace.launch import interpreter
from gradtrace.launch.interpreter import choose, elsewhere, is_ours, lacks


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """Makes environments whose python answers what is given, and activates them."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")

    def make(answer, variable=None, name="env"):
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\necho '{answer}'\n")
        python.chmod(0o755)
        if variable is not None:
            monkeypatch.setenv(variable, str(tmp_path / name))
        return str(python)

    return make


def test_nothing_is_active():
    """Then it is this one, and nobody needs to be told."""
    assert choose(None) == interpreter.Interpreter(sys.executable)


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_active_environment_with_torch_runs_the_program(environment, monkeypatch, variable):
    """Which is said."""
    python = environment("3 12 torch", variable)
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "work")
    note = f"running with {python}, because its environment is active ({variable})"
    assert choose(None) == interpreter.Interpreter(python, note)


@pytest.mark.parametrize("answer", ["3 12", "3 10 torch", "no", ""])
def test_one_that_cannot_be_recorded_does_not(environment, answer):
    """It has no torch, is too old for the recorder, or gives no answer."""
    environment(answer, "VIRTUAL_ENV")
    assert choose(None).path == sys.executable


def test_ours_is_not_looked_into(environment, monkeypatch):
    """And an environment below it in the stack does not count either."""
    environment("3 12 torch", "CONDA_PREFIX")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert choose(None) == interpreter.Interpreter(sys.executable)
    assert not is_ours(sys.executable)  # it is the user's own


def test_condas_base_counts_only_without_torch_here(environment, monkeypatch):
    """It is active from the start, whether anybody asked for it or not."""
    python = environment("3 12 torch", "CONDA_PREFIX")
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "base")
    assert choose(None).path == sys.executable
    monkeypatch.setattr(interpreter, "_has_torch", lambda: False)
    assert choose(None).path == python


def test_the_one_that_is_named_runs_it(environment, tmp_path):
    """A path, a command, or the folder of an environment; nothing is said of it."""
    environment("3 12 torch", "VIRTUAL_ENV")
    python = environment("3 12 torch", name="other")
    assert choose("python3.12") == interpreter.Interpreter("python3.12")
    assert choose(str(tmp_path / "other")) == interpreter.Interpreter(python)


def test_a_missing_module_is_looked_for_where_the_user_has_pythons(environment, tmp_path, monkeypatch):
    """In a folder near the program, and on PATH; without torch it would be no help."""
    assert elsewhere("numpy", sys.executable, (tmp_path,)) is None
    monkeypatch.setenv("PATH", os.path.dirname(environment("3 12 torch numpy", name="path")))  # noqa: PTH120
    on_path = elsewhere("numpy", sys.executable, (tmp_path,))
    assert on_path == str(tmp_path / "path" / "bin" / "python")
    environment("3 12 numpy", name="venv")
    assert elsewhere("numpy", sys.executable, (tmp_path,)) == on_path
    near = environment("3 12 torch numpy", name=".venv")
    assert elsewhere("numpy", sys.executable, (tmp_path,)) == near
    assert elsewhere("numpy", near, (tmp_path,)) == on_path


def test_a_real_python_says_what_it_lacks():
    """What lies in the current directory is not taken for installed."""
    assert lacks(sys.executable, ("torch", "no_such_module", "json")) == ("no_such_module",)
    assert lacks("/nowhere/python", ("torch",)) == ()
    assert is_ours(sys.executable)
