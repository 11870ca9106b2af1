"""`gradtrace schema`, as it is called."""

from __future__ import annotations

import json

import pytest

from gradtrace.cli.main import main
from gradtrace.renderers import schemas


@pytest.mark.parametrize("name", [one.name for one in schemas.DOCUMENTS])
def test_schema_of_each_document_is_printed(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """As JSON of plain characters, for whatever reads schemas."""
    assert main(["schema", name]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == json.loads(json.dumps(schemas.find(name).schema()))
    assert out.isascii()
    assert err == ""


def test_documents_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    """A name, and which command writes it."""
    assert main(["schema", "--list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["trace", "check", "why", "diff", "norms", "memory", "recording"]
    assert all("-f json" in line for line in lines[:5])


@pytest.mark.parametrize("words", [["x"], [], ["trace", "--list"]], ids=["unknown", "none", "both"])
def test_what_cannot_be_meant_is_a_usage_error(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Status 2 and one sentence that says what there is."""
    assert main(["schema", *words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gradtrace: error: ")
    assert "choose trace, check, why, diff, norms, memory, recording" in err or "--list" in err


def test_schema_is_written_to_a_file(tmp_path, capfd: pytest.CaptureFixture[str]) -> None:
    """As any result is."""
    file = tmp_path / "check.json"
    assert main(["schema", "check", "-o", str(file)]) == 0
    assert json.loads(file.read_text("utf-8"))["title"] == "gradtrace-check 1.0"
    assert capfd.readouterr().out == ""
