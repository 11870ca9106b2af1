"""Python sources that a trace names, cells of notebooks among them, as far as they may be opened.

A recording may come from anywhere and name any file as a source. So only Python files and notebooks are
opened, and only below the folders that the person named or stands in.
"""

from __future__ import annotations

import io
import json
import os
import tokenize
from collections.abc import Sequence
from pathlib import Path

from gradtrace.files import read_regular
from gradtrace.model.location import cell_of

_LARGEST = 4_000_000
"""Bytes of a file that is looked through."""
_LARGEST_NOTEBOOK = 200_000_000
"""Bytes of a notebook, with the pictures in it."""
_SUFFIXES = (".py", ".pyw")


def read_source(file: str, folders: Sequence[Path]) -> str | None:
    """The text of a source file below one of these folders; None where it must not or cannot be read."""
    cell = cell_of(file)
    path = Path(os.path.realpath(file if cell is None else cell[0]))
    is_source = path.suffix in _SUFFIXES or cell is not None
    if not is_source or not any(path.is_relative_to(folder) for folder in folders):
        return None
    try:
        if cell is not None:
            return _source_of_cell(read_regular(path, _LARGEST_NOTEBOOK), cell[1])
        content = read_regular(path, _LARGEST)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _source_of_cell(content: bytes, number: int) -> str | None:
    """The text of a cell, counted from 1; None where the notebook has no such cell."""
    document = json.loads(content)
    cells = document.get("cells") if isinstance(document, dict) else None
    cell = cells[number - 1] if isinstance(cells, list) and number <= len(cells) else None
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    return source if isinstance(source, str) else None
