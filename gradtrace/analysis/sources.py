"""Python sources that a trace names, as far as they may be opened.

A recording may come from anywhere and name any file as a source. So only Python files are opened, and only below the
folders that the person named or stands in.
"""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Sequence
from pathlib import Path

from gradtrace.files import read_regular

_LARGEST = 4_000_000
"""Bytes of a file that is looked through."""
_SUFFIXES = (".py", ".pyw")


def read_source(file: str, folders: Sequence[Path]) -> str | None:
    """The text of a source file below one of these folders; None where it must not or cannot be read."""
    path = Path(os.path.realpath(file))
    if path.suffix not in _SUFFIXES or not any(path.is_relative_to(folder) for folder in folders):
        return None
    try:
        content = read_regular(path, _LARGEST)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except (OSError, SyntaxError, ValueError):
        return None
