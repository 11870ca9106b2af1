"""Columns of numbers, from the bytes behind a line."""

import sys
from array import array
from collections.abc import Sequence
from typing import Any

from gradtrace.recording.damage import Damage
from gradtrace.recording.records import ColumnRow

_TYPES = frozenset("BIid")

Columns = dict[str, Any]
"""By name: lists of whole numbers, and arrays of doubles, of which few are ever looked at."""


def unpacked(rows: Sequence[ColumnRow], data: bytes) -> Columns:
    """The columns that a line names; raises `Damage` unless they are what stands behind it."""
    found: Columns = {}
    at = 0
    for row in rows:
        if row.type not in _TYPES or row.length < 0 or row.name in found:
            raise Damage(f"{row.name[:40]!r} is no column of {row.length} of type {row.type[:10]!r}")
        column: array[int] = array(row.type)
        end = at + row.length * column.itemsize
        if end > len(data):
            raise Damage("there is less data behind it than it says")
        column.frombytes(data[at:end])
        if sys.byteorder == "big":
            column.byteswap()
        found[row.name] = column if row.type == "d" else column.tolist()
        at = end
    if at != len(data):
        raise Damage("there is more data behind it than it says")
    return found


def rows(columns: Columns, name: str, width: int) -> list[tuple[int, ...]]:
    """A column whose numbers belong together by two, three or more; raises `Damage` if some are left over."""
    flat = columns.get(name, [])
    if len(flat) % width:
        raise Damage(f"column {name} has {len(flat)} numbers, which are no rows of {width}")
    return list(zip(*[iter(flat)] * width, strict=True))
