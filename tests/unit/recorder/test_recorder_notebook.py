"""The runner of notebooks: which lines a part of a cell has, and what happens where there is no IPython."""

import types
from pathlib import Path

import pytest

from gradtrace.recorder import notebook
from gradtrace.recorder.notebook import Cell


def run_all(tmp_path: Path, *sources: str) -> tuple[types.ModuleType, list[BaseException | None]]:
    """Run cells without IPython."""
    module = types.ModuleType("__main__")
    cells = [Cell(number, source, frozenset()) for number, source in enumerate(sources, 1)]
    run = notebook._in_python(str(tmp_path / "run.ipynb"), module, cells)
    return module, [run(cell) for cell in cells]


@pytest.mark.parametrize(
    ("part", "source", "line"),
    [
        ("a = 1\nb = 2", "a = 1\nb = 2", 0),
        ("a = 1\nb = 2\n", "\n\na = 1\nb = 2", 2),
        ("a = 1\n", "%%capture\na = 1\n", 1),
        ("\na = 1", "%%capture\n\n\na = 1", 3),
        ("%%time\na = 1", "%%capture\n%%time\na = 1", 1),
        ("c = 3", "a = 1\nb = 2", None),
    ],
)
def test_a_part_of_a_cell_knows_its_line(part: str, source: str, line: int | None):
    """What a magic runs is the end of the cell; what came from elsewhere is no part of it."""
    assert notebook._line_of(part, source) == line


@pytest.mark.parametrize(
    ("source", "magic"),
    [
        ("import torch\n%matplotlib inline", "%matplotlib"),
        ("!pip list", "!pip"),
        ("%%time\nx = 1", "%%time"),
        ("files = !ls", "!ls"),
        ("t = %timeit -o x", "%timeit"),
        ("torch.add?", "torch.add?"),
        ("text = '''\n%matplotlib inline\n'''", None),
        ("x = 5 %3", None),
        ("await f()", None),
        ("x = = 1", None),
    ],
)
def test_a_magic_is_what_python_cannot_read(source: str, magic: str | None):
    """A percent sign in a text or a sum is none."""
    assert notebook._magic_in(source) == magic


def test_without_ipython_cells_share_their_names_and_show_their_last_value(tmp_path: Path, capsys):
    """Plain cells run, with `await`; a semicolon at the end keeps the value to itself."""
    module, errors = run_all(tmp_path, "x = 2", "x + 1", "x + 2;", "import asyncio\nawait asyncio.sleep(0)\ny = x")
    assert errors == [None] * 4
    assert module.y == 2
    assert capsys.readouterr().out == "3\n"


def test_without_ipython_an_error_has_the_name_of_its_cell(tmp_path: Path, capsys):
    """The traceback begins in the cell, with its text."""
    _, errors = run_all(tmp_path, "x = 2", "\n1 / (x - 2)")
    (error,) = filter(None, errors)
    notebook._show(error, str(tmp_path / "run.ipynb"))
    first, where, text, *_ = capsys.readouterr().err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert where.endswith('run.ipynb:cell 2", line 2, in <module>')
    assert text.strip() == "1 / (x - 2)"


def test_without_ipython_a_magic_is_refused_before_anything_runs(tmp_path: Path, monkeypatch):
    """The error names the cell and says what to install."""
    monkeypatch.setenv("GRADTRACE_SESSION", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        run_all(tmp_path, "raise ZeroDivisionError", "%matplotlib inline")
    assert ended.value.code == 2
    said = (tmp_path / "refused").read_text("utf-8")
    assert said.startswith("run.ipynb: cell 2 uses %matplotlib, which needs IPython, and ")
    assert said.endswith(" -m pip install ipython")
