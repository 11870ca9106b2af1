"""What the cells are called that a Jupyter kernel, or IPython in a terminal, runs.

IPython compiles a cell under the name of a temporary file. It is shown as what a person sees in front of the cell,
`In [5]`; where a command runs the file of a notebook (`jupyter execute train.ipynb`) as `train.ipynb:cell 6`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_OF_CELLS = (f"{os.sep}ipykernel_", f"{os.sep}xpython_", "<ipython-input-")
_TIMED = frozenset({"<timed exec>", "<timed eval>"})
"""How IPython calls the code below `%%time`."""
_TIME = re.compile(r"[^%]*%time\s+(.+)")
_WORD = re.compile(r"\w+")
_MOST_CELLS = 100
"""So many cells are looked through for one that is timed."""
_LARGEST = 200_000_000
"""Bytes of a notebook that is read."""


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

    def named(self, file: str, words: Sequence[str] | None = None) -> Named:
        """What is shown of a file; the file itself where it is no cell.

        Args:
            file: as code objects have it.
            words: the names in such a code, by which a cell is found that was timed.
        """
        if file not in _TIMED and not is_cell(file):
            return Named(file)
        shell = _shell()
        if shell is None:
            return Named(file)
        history = [str(one) for one in shell.history_manager.input_hist_raw[1:]]
        has_columns = True
        if file in _TIMED:
            found = None if words is None else _timed(history, words)
            if found is None:
                return Named(file)
            number, n_before, has_columns = found
        else:
            number = getattr(shell.compile, "_filename_map", {}).get(file, -1)
            if type(number) is not int or number < 0:
                return Named(file)
            if not 0 < number <= len(history):
                return Named(f"In [{number}]")
            n_before = _n_empty(history[number - 1].split("\n"))
        cell = self._cell(history[:number]) if self._notebooks else None
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


def _followed(history: list[str], cells: list[tuple[int, str]]) -> list[int | None]:
    """For each text that was run the number of its cell; cells run in their order, other texts may stand between."""
    found: list[int | None] = []
    at = 0
    for text in history:
        where = next((i for i in range(at, len(cells)) if cells[i][1] == text.strip()), None)
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
                yield number, text.strip()


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


def _timed(history: list[str], words: Sequence[str]) -> tuple[int, int, bool] | None:
    """The last cell whose lines below `%%time`, or behind `%time`, may be this code.

    Returns:
        its number, how many lines stand before that code, and whether it is whole lines.
    """
    for number in range(len(history), max(0, len(history) - _MOST_CELLS), -1):
        lines = history[number - 1].split("\n")
        first = last = _n_empty(lines)
        while last < len(lines) and lines[last].startswith("%%"):
            last += 1
        if any(line.split()[0] == "%%time" for line in lines[first:last]):
            body = lines[last:]
            if _may_be(words, body):
                return number, last + _n_empty(body), True
        for at, line in enumerate(lines):
            behind = _TIME.match(line)
            if behind is not None and _may_be(words, [behind[1]]):
                return number, at, False
    return None


def _may_be(words: Sequence[str], lines: list[str]) -> bool:
    found = set(_WORD.findall("\n".join(lines)))
    return bool(found) and found.issuperset(words)
