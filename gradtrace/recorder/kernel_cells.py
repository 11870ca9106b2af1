"""What the cells are called that a Jupyter kernel, or IPython in a terminal, runs.

IPython compiles a cell under the name of a temporary file. It is shown as what a person sees in front of the cell,
`In [5]`; where a command runs the file of a notebook (`jupyter execute train.ipynb`) as `train.ipynb:cell 6`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_OF_CELLS = (f"{os.sep}ipykernel_", f"{os.sep}xpython_", "<ipython-input-")
_LARGEST = 200_000_000
"""Bytes of a notebook that is read."""


class Named(NamedTuple):
    """How a file is shown, and how many lines of the cell stand before its first: IPython leaves out empty ones."""

    file: str
    n_before: int = 0


class KernelCells:
    """The cells of this process.

    Args:
        notebooks: files that the command of the run names; the cells of one of them may be what runs here.
    """

    def __init__(self, notebooks: Sequence[str] = ()) -> None:
        self._notebooks = notebooks
        self._cells: dict[str, list[tuple[int, str]]] | None = None

    def named(self, file: str) -> Named:
        """What is shown of the code of this file; the file itself where it is no cell.

        Args:
            file: as a code object has it.
        """
        if not any(part in file for part in _OF_CELLS):
            return Named(file)
        shell = _shell()
        number = None if shell is None else getattr(shell.compile, "_filename_map", {}).get(file)
        if shell is None or type(number) is not int:
            return Named(file)
        history = [str(one) for one in shell.history_manager.input_hist_raw[1 : number + 1]]
        source = history[number - 1] if 0 < number <= len(history) else ""
        cell = self._cell(history) if 0 < number <= len(history) and self._notebooks else None
        return Named(f"In [{number}]" if cell is None else cell, _n_empty(source))

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


def _n_empty(source: str) -> int:
    """How many empty lines a text begins with."""
    lines = source.split("\n")
    return next((at for at, line in enumerate(lines) if line.strip()), 0)
