"""Columns of numbers, from the bytes behind a line."""

import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from gradtrace.recording.damage import Damage
from gradtrace.recording.records import ColumnRow

_TYPES = frozenset("BIid")

Columns = dict[str, Any]
"""By name: arrays of whole numbers and of doubles; as lists they would take ten times the memory."""


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
        found[row.name] = column
        at = end
    if at != len(data):
        raise Damage("there is more data behind it than it says")
    return found


class Rows:
    """A column whose numbers belong together by two, three or more.

    Args:
        width: how many these are.

    Raises:
        Damage: some are left over.
    """

    __slots__ = ("_flat", "_width")

    def __init__(self, columns: Columns, name: str, width: int) -> None:
        self._flat: Sequence[int] = columns.get(name, ())
        self._width = width
        if len(self._flat) % width:
            raise Damage(f"column {name} has {len(self._flat)} numbers, which are no rows of {width}")

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._flat) // self._width

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Each row."""
        return zip(*[iter(self._flat)] * self._width, strict=True)
