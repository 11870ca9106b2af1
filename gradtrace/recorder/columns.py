"""Columns: what is many (nodes, edges, numbers) as arrays of machine numbers, which cost a copy and no text."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from typing import Any

Named = tuple[str, str, int]
"""Name, type and length of a column."""

Columns = Mapping[str, "array[int] | array[float]"]
"""By name, in the order in which they are written. Types are those of `array`: B, I, i, d."""


def packed(columns: Columns) -> tuple[list[Named], bytes]:
    """What stands in the line (name, type, length), and what follows it: the columns one after another."""
    named: list[Named] = [(name, column.typecode, len(column)) for name, column in columns.items() if len(column)]
    return named, b"".join(_little_endian(column) for column in columns.values())


def _little_endian(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()
