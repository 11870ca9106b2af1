"""What the cells are called that a Jupyter kernel, or IPython in a terminal, runs.

IPython compiles a cell under the name of a temporary file. It is shown as what a person sees in front of the cell,
`In [5]`; where a command runs the file of a notebook (`jupyter execute train.ipynb`) as `train.ipynb:cell 6`.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_OF_CELLS = (f"{os.sep}ipykernel_", f"{os.sep}xpython_", "<ipython-input-")
_OF_MAGICS = {"<timed exec>": "time", "<timed eval>": "time", "<magic-timeit>": "timeit", "<string>": "prun"}
"""How the code is called that these magics compile."""
_WITH_VALUES = {"time": "", "timeit": "nrp", "prun": "DlsT"}
"""Their options that a value follows."""
_TEXTS = "<string>"
"""Whatever else is executed as a text is called like that, too."""
_RUN = re.compile(r"\s*%run\s+(?:-\w+\s+)*(\S+\.ipynb['\"]?)")
_WORD = re.compile(r"\w+")
_MOST_CELLS = 100
"""So many cells are looked through for one that is timed."""
_LARGEST = 200_000_000
"""Bytes of a notebook that is read."""
_PARSE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
Span = tuple[int, int, int, int]
_LINE: Span = (1, -1, 1, -1)


class Named(NamedTuple):
    """How the file of some code is shown.

    Attributes:
        n_before: how many lines of the cell stand before its first: IPython leaves out empty ones, and magics.
        lines: the cell as a person sees it; None for a file.
        has_columns: code that is in no line by itself begins where its line does.
    """

    file: str
    n_before: int = 0
    lines: list[str] | None = None
    has_columns: bool = True


def is_cell(file: str) -> bool:
    """Whether code of this file was compiled from a cell."""
    return any(part in file for part in _OF_CELLS)


class KernelCells:
    """The cells of this process.

    Args:
        notebooks: files that the command of the run names; the cells of one of them may be what runs here.
    """

    def __init__(self, notebooks: Sequence[str] = ()) -> None:
        self._notebooks = notebooks
        self._cells: dict[str, list[tuple[int, str]]] | None = None

    def named(self, file: str, words: Sequence[str] | None = None, span: Span = _LINE) -> Named:
        """What is shown of a file; the file itself where it is no cell.

        Args:
            file: as code objects have it.
            words: the names in such a code, by which the cell of a magic is found that runs it.
            span: line, column, end line and end column of what is meant, as code objects have them.
        """
        magic = _OF_MAGICS.get(file)
        if magic is None and not is_cell(file):
            return Named(file)
        shell = _shell()
        if shell is None:
            return Named(file)
        history = [str(one) for one in shell.history_manager.input_hist_raw[1:]]
        has_columns = True
        if magic is not None:
            at_most = 1 if file == _TEXTS else _MOST_CELLS
            found = None if words is None else _run_by(_Run(magic, words, span), history, at_most)
            if found is None:
                return Named(file)
            number, n_before, has_columns = found
        else:
            number = getattr(shell.compile, "_filename_map", {}).get(file, -1)
            if type(number) is not int or number < 0:
                return _of_another(file, history) or Named(file)
            if not 0 < number <= len(history):
                return Named(f"In [{number}]")
            n_before = _n_empty(history[number - 1].split("\n"))
        cell = getattr(shell.compile, "cell_names", {}).get(number)
        if cell is None and self._notebooks:
            cell = self._cell(history[:number])
        return Named(f"In [{number}]" if cell is None else cell, n_before, history[number - 1].split("\n"), has_columns)

    def _cell(self, history: list[str]) -> str | None:
        """The name of the cell that was run last, in the notebook of which most of the cells that ran are."""
        if self._cells is None:
            self._cells = {file: list(_code_cells(file)) for file in self._notebooks}
        best, most = None, 0
        for file, cells in self._cells.items():
            found = _followed(history, cells)
            n_found = sum(one is not None for one in found)
            if n_found > most:
                best, most = (None if found[-1] is None else f"{file}:cell {found[-1]}"), n_found
        return best


def _of_another(file: str, history: list[str]) -> Named | None:
    """The cell of another notebook that one of the last cells runs with `%run`, by its text."""
    text = "".join(linecache.getlines(file)).strip()
    for one in reversed(history[-_MOST_CELLS:] if text else []):
        for line in one.split("\n"):
            run = _RUN.match(line)
            path = "" if run is None else os.path.abspath(run[1].strip("\"'"))  # noqa: PTH100 - as the program sees it
            for number, source in _code_cells(path) if path else ():
                if source.strip() == text:
                    lines = source.split("\n")
                    return Named(f"{path}:cell {number}", _n_empty(lines), lines)
    return None


def _followed(history: list[str], cells: list[tuple[int, str]]) -> list[int | None]:
    """For each text that was run the number of its cell; cells run in their order, other texts may stand between."""
    found: list[int | None] = []
    at = 0
    for text in history:
        where = next((i for i in range(at, len(cells)) if cells[i][1].strip() == text.strip()), None)
        found.append(None if where is None else cells[where][0])
        at = at if where is None else where + 1
    return found


def _code_cells(file: str) -> Iterator[tuple[int, str]]:
    """Number, from 1 over all cells, and text of each cell with code."""
    try:
        path = Path(file)
        document: Any = json.loads(path.read_text("utf-8")) if path.stat().st_size <= _LARGEST else {}
        cells = list(document["cells"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    for number, cell in enumerate(cells, 1):
        if type(cell) is dict and cell.get("cell_type") == "code":
            source = cell.get("source") or ""
            text = source if isinstance(source, str) else "".join(map(str, source))
            if text.strip():
                yield number, text


def failed_cell() -> BaseException | None:
    """The exception that ended the last cell of a kernel, which shows it and goes on."""
    shell = _shell()
    result = getattr(shell, "last_execution_result", None) if hasattr(shell, "kernel") else None
    error = getattr(result, "error_in_exec", None)
    return error if isinstance(error, BaseException) else None


def _shell() -> Any:
    """The shell of IPython in this process; None where there is none."""
    shells = sys.modules.get("IPython.core.interactiveshell")
    shell = getattr(getattr(shells, "InteractiveShell", None), "_instance", None)
    return shell if hasattr(shell, "compile") and hasattr(shell, "history_manager") else None


def _n_empty(lines: list[str]) -> int:
    """How many empty lines come first."""
    return next((at for at, line in enumerate(lines) if line.strip()), 0)


def _run_by(run: _Run, history: list[str], at_most: int) -> tuple[int, int, bool] | None:
    """The last cell whose lines below `%%time`, or behind `%time`, may be a code.

    Args:
        run: the code.
        history: the cells.
        at_most: so many of them are looked through.

    Returns:
        its number, how many lines stand before that code, and whether it is whole lines.
    """
    is_behind = re.compile(rf"[^%]*%{run.magic}\s+(.+)")
    for number in range(len(history), max(0, len(history) - at_most), -1):
        lines = history[number - 1].split("\n")
        first = last = _n_empty(lines)
        while last < len(lines) and lines[last].startswith("%%"):
            last += 1
        at = next((one for one in range(first, last) if lines[one].split()[0] == f"%%{run.magic}"), None)
        found = None if at is None else _below(run, at, lines, last)
        if found is None:
            line = run.span[0]
            behind = (at for at, text in enumerate(lines) if (one := is_behind.match(text)) and run.is_behind(one[1]))
            found = next(((at - line + 1, False) for at in behind), None)
        if found is not None:
            return number, *found
    return None


def _below(run: _Run, at: int, lines: list[str], first: int) -> tuple[int, bool] | None:
    """How many lines stand before a code in the cell of a magic, and whether it is whole lines; None if it is not.

    Args:
        run: the code.
        at: the line of the magic, from 0.
        lines: the cell.
        first: its first line below the magics, from 0.
    """
    statement, body = _statement(run.magic, lines[at]), lines[first:]
    if not run.may_be([statement, *body]):
        return None
    n_empty = _n_empty(body)
    if statement and run.magic == "prun":  # one text with the lines below
        return (at, False) if run.span[0] == 1 else (first - 1, True)
    if run.ends_in(body[n_empty:]):
        is_both = statement and run.span[0] == 1 and run.ends_in([statement])
        return (at, False) if is_both else (first + n_empty, True)
    return (at, False) if statement and run.span[0] == 1 else None


class _Run(NamedTuple):
    """Some code that a magic runs: the names in it, and line, column, end line and end column of what is meant."""

    magic: str
    words: Sequence[str]
    span: Span

    def may_be(self, lines: list[str]) -> bool:
        """Whether all names stand in these lines."""
        found = set(_WORD.findall("\n".join(lines)))
        return bool(found) and found.issuperset(self.words)

    def is_behind(self, text: str) -> bool:
        """Whether it may be what stands behind the name of its magic."""
        return self.may_be([text]) and (self.magic != "timeit" or self.ends_in([_statement(self.magic, f"% {text}")]))

    def ends_in(self, lines: list[str]) -> bool:
        """Whether something in these lines ends where it does; yes where these cannot be read."""
        text = "\n".join(lines)
        if "\\" in text:  # to read it might warn once more of what stands behind a backslash
            return True
        try:
            tree = compile(text, "<cell>", "exec", _PARSE, dont_inherit=True)
        except (SyntaxError, ValueError):
            return True
        ends = {(one.end_lineno, one.end_col_offset) for one in ast.walk(tree) if isinstance(one, ast.expr | ast.stmt)}
        return self.span[3] < 0 or self.span[2:] in ends


def _statement(magic: str, text: str) -> str:
    """What stands behind the options of a magic, as it is written."""
    _, _, rest = text.partition(" ")
    while rest.lstrip().startswith("-"):
        option, _, rest = rest.lstrip().partition(" ")
        if option[1:] in set(_WITH_VALUES[magic]):
            _, _, rest = rest.lstrip().partition(" ")
    return rest.strip()
