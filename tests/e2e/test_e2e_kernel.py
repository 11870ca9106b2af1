"""In a real kernel: the magics, and our introduction cell by cell; and a notebook that a command runs in one."""

import contextlib
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from gradtrace.api import check, explain, render
from gradtrace.recording import load

INTRODUCTION = Path(__file__).parents[2] / "examples" / "introduction.ipynb"


def outputs(cell: Any) -> list[tuple[str, Any]]:
    """What a cell shows: the text of a stream, an error, or a result by media type."""
    found = []
    for one in cell.outputs:
        if one.output_type == "stream":
            found.append((one.name, re.sub(r"\x1b\[[\d;]*m", "", one.text)))
        elif one.output_type == "error":
            found.append(("error", one.ename))
        else:
            found.append((one.output_type, dict(one.data)))
    return found


def shown(cell: Any, name: str = "stdout") -> str:
    """What a cell prints to a stream."""
    return "".join(text for kind, text in outputs(cell) if kind == name)


class Cells:
    """The cells of a notebook, run by one kernel; those that are added are found by the name that they get."""

    def __init__(self) -> None:
        self.notebook = new_notebook()
        self.named: dict[str, Any] = {}

    def add(self, name: str, source: str) -> None:
        cell = new_code_cell(source)
        self.notebook.cells.append(cell)
        self.named[name] = cell

    def run(self) -> None:
        with warnings.catch_warnings(), contextlib.suppress(KeyError):
            warnings.simplefilter("ignore")  # those of jupyter's own packages
            NotebookClient(self.notebook, timeout=300, kernel_name="python3", allow_errors=True).execute()


AFTER: dict[str, Sequence[tuple[str, str]]] = {
    "z = w * w * y": [("none yet", "%gradtrace check")],
    "z.backward()": [
        ("story", "%gradtrace"),
        ("last value", "_"),
        ("misspelt", "%gradtrace explian"),
        ("unknown", "%gradtrace why v"),
        ("picture", "%gradtrace render"),
    ],
}
"""Cells that are put behind those of the introduction which begin so."""

MORE = {
    "by itself": "%%gradtrace why In[{}]:4\nlater = torch.ones(2, requires_grad=True)\n\nlost = later.detach() * 2\n"
    "(lost * w).sum().backward()\nw.item()",
    "names": "[one for one in dir() if 'gradtrace' in one or 'Look' in one]",
    "fails": "base = torch.ones(2, requires_grad=True).exp()\nbase.add_(1)\nbase.sum().backward()",
    "why it failed": "%gradtrace check",
    "off": "%gradtrace off",
    "not seen": "(w * 3).backward()",
    "still the same": "%gradtrace why w -q",
    "page": "%gradtrace page --height 400",
}


@pytest.fixture(scope="module")
def cells() -> Cells:
    """The introduction, with the magics between its cells, and more after it."""
    made = Cells()
    made.add("load", "%load_ext gradtrace")
    made.add("no torch yet", "%gradtrace")
    for cell in nbformat.read(INTRODUCTION, 4).cells:
        if cell.cell_type == "code":
            made.add(cell.id, cell.source)
            for name, source in AFTER.get(cell.source.split("\n")[0], ()):
                made.add(name, source)
    number = len(made.notebook.cells) + 1
    for name, source in MORE.items():
        made.add(name, source.format(number))
    made.run()
    return made


def test_the_introduction_shows_what_its_file_holds(cells: Cells):
    """Recorded or not: each cell shows what it showed when the file was written, and the magics change nothing."""
    for cell in nbformat.read(INTRODUCTION, 4).cells:
        if cell.cell_type == "code":
            assert outputs(cells.named[cell.id]) == outputs(cell), cell.source
    assert outputs(cells.named["last value"]) == [
        ("execute_result", {"text/plain": "(tensor(2.), tensor(0.2500))"}),
    ]
    assert outputs(cells.named["names"]) == [("execute_result", {"text/plain": "[]"})]


def test_before_there_is_a_pass_the_magic_says_so(cells: Cells):
    """One line, and no failure."""
    assert outputs(cells.named["no torch yet"]) == [
        ("stderr", "gradtrace: torch has not been imported yet: there is nothing to show\n")
    ]
    assert outputs(cells.named["none yet"]) == [
        (
            "stderr",
            "gradtrace: no backward pass has run since %load_ext gradtrace: run a cell with loss.backward() first\n",
        )
    ]


def test_forward_and_backward_may_stand_in_different_cells(cells: Cells):
    """Each op has the cell and the line that made it."""
    story = shown(cells.named["story"])
    forward = cells.named["none yet"].execution_count - 1
    assert f"(pass 1: z.backward() at In [{forward + 2}]:1)" in story
    assert re.search(r"w +0\.5 +None +2 = 1 \+ 1 +2\n", story)
    assert f"1 via w * w (left factor) at In [{forward}]:1" in " ".join(story.split())
    assert re.search(rf"mul   z = w \* w \* y .* In \[{forward}\]:1\n", story)
    assert max(map(len, story.splitlines())) <= 80
    assert shown(cells.named["story"], "stderr") == ""
    page = (INTRODUCTION.parents[1] / "docs" / "notebooks.md").read_text("utf-8")
    (row,) = re.findall(r"\n +w +0\.5 .*\n", story)
    assert row in page  # what the page shows is what comes


def test_a_picture_is_shown_and_wrong_words_are_one_line(cells: Cells):
    """The SVG's styles are its own; the errors say what was meant, and what there is."""
    ((kind, data),) = outputs(cells.named["picture"])
    assert (kind, sorted(data)) == ("display_data", ["image/svg+xml", "text/plain"])
    assert re.search(r"<style>\.(gt-\w+) text", data["image/svg+xml"])
    ((kind, data),) = outputs(cells.named["page"])[1:]
    assert "height:400px" in data["text/html"]
    assert [outputs(cells.named[one]) for one in ("misspelt", "unknown")] == [
        [("stderr", "UsageError: there is no %gradtrace explian: did you mean explain?\n")],
        [
            (
                "stderr",
                "UsageError: nothing in the run is called 'v'; there are w, y, z, shared, copied, x, larger, plain\n",
            )
        ],
    ]


def test_one_cell_is_shown_by_itself_with_its_own_lines(cells: Cells):
    """Its value is still displayed, before what is shown of it."""
    cell = cells.named["by itself"]
    kinds = [kind for kind, _ in outputs(cell)]
    assert kinds == ["execute_result", "stdout"]
    assert f"In [{cell.execution_count}]:4  lost = later.detach() * 2" in shown(cell)
    assert "later" in shown(cell)


def test_a_cell_that_failed_is_explained(cells: Cells):
    """Torch's own traceback as without us, and both lines when one asks."""
    number = cells.named["fails"].execution_count
    assert outputs(cells.named["fails"]) == [("error", "RuntimeError")]
    trace = "".join(next(one for one in cells.named["fails"].outputs if one.output_type == "error").traceback)
    assert "gradtrace" not in trace
    said = shown(cells.named["why it failed"])
    assert said.startswith("error[inplace-saved-output]: ")
    assert f"--> In [{number}]:2:1\n" in said
    assert "Found 1 error.\n" in said


def test_off_is_off_and_what_was_seen_stays(cells: Cells):
    """The pass that ran meanwhile is not there, and that is said."""
    cell = cells.named["still the same"]
    assert "gradtrace: recording is off: this is what was seen before\n" in shown(cell, "stderr")
    assert f"In [{cells.named['not seen'].execution_count}]" not in shown(cell)


def test_the_introduction_is_explained_checked_and_drawn(tmp_path: Path):
    """As a file, without a kernel: nothing is wrong in it, and the numbers of its text are those of its graph."""
    run(sys.executable, "-m", "gradtrace", "record", "--facts", "-o", tmp_path / "run.gtrace", INTRODUCTION)
    trace = load(tmp_path / "run.gtrace")
    assert (trace.run.status, len([one for one in trace.passes if one.graph])) == (0, 24)
    assert check(trace, sources=[INTRODUCTION.parent]).findings == ()
    assert "introduction.ipynb:cell 13:1" in explain(trace)
    assert "0.25" in render(trace, "svg")


def test_a_command_that_runs_a_notebook_in_a_kernel_has_its_cells(tmp_path: Path):
    """The kernel's temporary files are called as in the notebook, empty cells and lines and all."""
    sources = ["import torch\nw = torch.tensor(0.5, requires_grad=True)", "", "\n\nz = w * w", "z.backward()"]
    notebook = new_notebook(cells=[new_code_cell(one) for one in sources])
    nbformat.write(notebook, tmp_path / "run.ipynb")
    launcher = "from nbclient.cli import main; main()"
    done = run(
        *(sys.executable, "-m", "gradtrace", "render", "-q", "-f", "json", "--"),
        *(sys.executable, "-c", launcher, "run.ipynb"),
        cwd=tmp_path,
    )
    (one,) = json.loads(done)["passes"]
    assert (Path(one["location"]["file"]).name, one["location"]["cell"], one["location"]["line"]) == ("run.ipynb", 4, 1)
    (place,) = (node["location"] for node in one["graph"]["nodes"] if node["op"] == "mul")
    assert (place["cell"], place["line"], place["text"]) == (3, 3, "z = w * w")


def run(*words: str | Path, cwd: Path | None = None) -> str:
    """What a command prints; it ends well."""
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
