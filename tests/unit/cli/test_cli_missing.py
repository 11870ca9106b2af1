"""A program that lacks a module is helped only where another interpreter has it."""

import sys
from types import SimpleNamespace

import pytest
from builders import empty_trace

from gradtrace.cli import missing
from gradtrace.cli.request import Request
from gradtrace.launch import Settings, interpreter, parse_target


@pytest.fixture
def request_of(tmp_path, monkeypatch):
    """A request to run a program with this code, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def make(code):
        (tmp_path / "train.py").write_text(code)
        return Request(parse_target(["train.py"]), Settings(), quiet=False, verbose=False, color="auto")

    return make


def _session(*, torch_started=False, missed_torch=None, refusal=None):
    return SimpleNamespace(torch_started=torch_started, missed_torch=missed_torch, refusal=refusal)


def test_what_a_script_imports_first_is_looked_up(request_of, tmp_path, monkeypatch):
    """Not what it may do without, what lies beside it, or what belongs to Python."""
    (tmp_path / "mine.py").touch()
    (tmp_path / "ours").mkdir()
    asked = []
    monkeypatch.setattr(interpreter, "lacks", lambda _python, names: asked.append(names) or names[1:])
    request = request_of(
        "import json, einops.layers\nimport mine, ours\nfrom timm.models import x\nfrom . import y\n"
        "try:\n    import apex\nexcept ImportError:\n    pass\ndef f():\n    import wandb\n"
    )
    assert missing.missing_before_torch(request, "python", _session()) == "timm"
    assert asked == [("einops", "timm")]
    assert missing.missing_before_torch(request, "python", _session(torch_started=True)) is None
    assert missing.missing_before_torch(request, "python", _session(missed_torch="python")) == "torch"
    refusal = "python cannot import torch and the recorder: ModuleNotFoundError: No module named 'torch'"
    assert missing.missing_before_torch(request, "python", _session(refusal=refusal)) == "torch"
    assert missing.missing_before_torch(request_of("import ("), "python", _session()) is None


def test_the_exception_of_a_run_names_its_module():
    """The outermost package of it; no other exception does."""

    def ended_by(kind, message):
        return SimpleNamespace(run=SimpleNamespace(error=SimpleNamespace(type=kind, message=message)))

    assert missing.missing_in(ended_by("ModuleNotFoundError", "No module named 'sklearn.svm'")) == "sklearn"
    assert missing.missing_in(ended_by("ImportError", "No module named 'x'")) is None
    assert missing.missing_in(ended_by("ModuleNotFoundError", "import of x halted")) is None
    assert missing.missing_in(empty_trace()) is None


def test_the_hint_says_what_to_add(request_of, monkeypatch):
    """Only where it helps: another Python has it, or the user may not know that it was ours."""
    request = request_of("")
    monkeypatch.setattr(interpreter, "elsewhere", lambda *_: "/a b/python")
    assert missing.hint(request, "/x/python", "timm") == (
        "/x/python has no module timm, and /a b/python has it: add --python '/a b/python'"
    )
    monkeypatch.setattr(interpreter, "elsewhere", lambda *_: None)
    assert missing.hint(request, "/x/python", "timm") is None
    assert missing.hint(request, sys.executable, "timm").endswith("--python PATH runs another")
    assert missing.hint(request, sys.executable, "torch") is None  # the verdict says it
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert missing.hint(request, sys.executable, "timm") is None
