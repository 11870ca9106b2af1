"""Notebook files as TARGET: cells run as in Jupyter, and every place is a cell and a line in it."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradtrace.analysis.reasons import why
from gradtrace.api import render
from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.selection import Selection
from gradtrace.recording import load

NOTEBOOKS = Path(__file__).parents[1] / "programs" / "notebooks"


def gradtrace(*words: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gradtrace", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory):
    """A run of `train.ipynb`, and its recording; the file is as it was."""
    folder = tmp_path_factory.mktemp("notebook")
    file = NOTEBOOKS / "train.ipynb"
    before = hashlib.sha256(file.read_bytes()).digest()
    done = gradtrace(
        "record", "--facts", "--passes", "all", "-o", folder / "run.gtrace", file, "--", "--epochs", cwd=folder
    )
    assert hashlib.sha256(file.read_bytes()).digest() == before
    assert sorted(one.name for one in folder.iterdir()) == ["run.gtrace"]
    return done, load(folder / "run.gtrace")


def test_cells_run_as_in_a_notebook(recorded):
    """Magics, the shell, results that are shown, `await`; a tag lets an error pass, another leaves a cell out.

    After `exit()` the cell goes on, and no other runs.
    """
    done, _ = recorded
    assert done.returncode == 0, done.stderr
    assert "from the shell" in done.stdout
    assert "'shown 42'" in done.stdout
    assert "Wall time" in done.stdout
    assert "['--epochs'] __main__" in done.stdout
    assert re.search(r'File "\S*train\.ipynb:cell 8", line 1, in <module>\n +1 / 0\n', done.stderr)
    assert done.stdout.endswith("to the end of the cell\n")
    assert "recorder/notebook.py" not in done.stderr
    assert "interactiveshell" not in done.stderr


def test_places_are_cells_and_lines_in_them(recorded):
    """Cells of text count; lines are those that a person sees, below empty lines and below a magic."""
    _, trace = recorded
    places = [(Path(one.location.file).name, one.location.line, one.location.text.strip()) for one in trace.passes]
    assert places == [
        *[("train.ipynb:cell 6", 4, "loss.backward()")] * 3,
        ("train.ipynb:cell 7", 3, "weight.sqrt().sum().backward()  # gradtrace: ignore[sqrt-at-zero]"),
        ("train.ipynb:cell 11", 3, "(scale * 2).sum().backward()"),
        ("other.ipynb:cell 2", 3, "ones(2, requires_grad=True).exp().sum().backward()"),
    ]
    (relu,) = [node for node in trace.passes[0].graph.nodes if node.op == "addmm"]
    assert (Path(relu.location.file).name, relu.location.line) == ("train.ipynb:cell 4", 11)
    assert relu.location.text.strip() == "return self.head(hidden)"


def test_the_document_has_the_file_and_the_cell(recorded):
    """A program that reads it finds the notebook, and the cell beside it."""
    _, trace = recorded
    place = json.loads(render(trace, "json"))["passes"][0]["location"]
    assert (Path(place["file"]).name, place["cell"], place["line"]) == ("train.ipynb", 6, 4)


def test_findings_and_answers_are_about_cells(recorded):
    """The line that cuts the model off is shown, and a comment in a cell silences its line."""
    _, trace = recorded
    found = {one.rule: one.location for one in examine(trace, Selection(), sources=[NOTEBOOKS.resolve()]).findings}
    assert "detach-midgraph" in found
    assert "sqrt-at-zero" not in found
    assert (Path(found["detach-midgraph"].file).name, found["detach-midgraph"].line) == ("train.ipynb:cell 4", 10)
    unheeded = {one.rule for one in examine(trace, Selection()).findings}
    assert "sqrt-at-zero" not in unheeded  # the recording has the line, too
    (subject,) = why(trace, "train.ipynb:cell 4:10").subjects
    assert {leaf.name for leaf in subject.sources} == {"encoder.weight", "encoder.bias"}


def test_a_cell_that_fails_ends_the_run_with_its_number(tmp_path: Path):
    """What was seen until then is diagnosed, and the traceback begins in the cell."""
    done = gradtrace("check", "-f", "concise", NOTEBOOKS / "fails.ipynb", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.endswith(
        "fails.ipynb:cell 3:2:1: error[nonscalar-backward]: backward() needs a single number, but the tensor has more"
        " than one element"
    )
    assert done.stderr.splitlines()[-2:] == [
        "RuntimeError: grad can be implicitly created only for scalar outputs",
        "fails.ipynb: cell 3 failed",
    ]
    assert done.stderr.startswith("Traceback (most recent call last):\n  File ")
    assert "recorder/notebook.py" not in done.stderr


def test_a_notebook_of_another_language_is_refused_by_its_name(tmp_path: Path):
    """Nothing runs, and the status is that of a wrong command."""
    document = {"cells": [], "metadata": {"kernelspec": {"language": "julia"}}, "nbformat": 4}
    (tmp_path / "run.ipynb").write_text(json.dumps(document), "utf-8")
    done = gradtrace("explain", "run.ipynb", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gradtrace: error: run.ipynb is a notebook of julia, and gradtrace runs those of Python\n"
