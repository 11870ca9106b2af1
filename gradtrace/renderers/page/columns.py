"""The container of the page's data: a JSON header and, behind it, columns of numbers that compress well.

Layout, before gzip: the header's length in bytes (unsigned 32 bits, little endian), the header as JSON, the columns'
bytes. The header refers to a column by a short list:

- `["c", value, count]`: the same integer `count` times;
- `["i", offset, count]`: 32-bit integers, each stored as the difference to the one before it;
- `["d", offset, count]`: 64-bit floats, for integers that 32 bits cannot hold;
- `["f", offset, count, positions, values]`: 32-bit floats; NaN stands for None, and what 32 bits cannot hold (true
  NaNs, numbers beyond their range) stands in `values` at `positions`.

All but `c` are stored byte plane by byte plane (first every number's lowest byte, then every second byte, …): numbers
that resemble each other then give long runs of equal bytes. Equal columns are stored once, so that passes that share
their structure cost little.
"""

from __future__ import annotations

import gzip
import math
import sys
from array import array
from collections.abc import Sequence
from itertools import chain
from operator import sub
from typing import Any

from gradtrace.text.strict_json import one_line

Reference = list[Any]

_INT_LIMIT = 2**30
_SMALLEST_FLOAT32 = 1.1754944e-38
_LARGEST_FLOAT32 = 3.4028234e38


class Columns:
    """Collects columns, then packs them together with a header."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._offsets: dict[bytes, int] = {}
        self._size = 0

    def integers(self, values: Sequence[int]) -> Reference:
        """Store integers."""
        if not values or min(values) == max(values):
            return ["c", values[0] if values else 0, len(values)]
        if max(values) > _INT_LIMIT or min(values) < -_INT_LIMIT:
            return ["d", self._store(_planes(array("d", values))), len(values)]
        deltas = array("i", map(sub, values, chain((0,), values)))
        return ["i", self._store(_planes(deltas)), len(values)]

    def floats(self, values: Sequence[float | None]) -> Reference:
        """Store floats of which any may be None."""
        odd = [(i, value) for i, value in enumerate(values) if value and not _fits_float32(value)]
        plain = array("f", [math.nan if value is None else value for value in values])
        for i, _ in odd:
            plain[i] = math.nan
        exceptions = ["nan" if math.isnan(value) else value for _, value in odd]
        return ["f", self._store(_planes(plain)), len(values), [i for i, _ in odd], exceptions]

    def pack(self, header: dict[str, Any]) -> bytes:
        """Header and columns, compressed; the same bytes for the same content."""
        text = one_line(header).encode("ascii")
        body = b"".join([len(text).to_bytes(4, "little"), text, *self._chunks])
        return gzip.compress(body, compresslevel=9 if len(body) < _SMALL else 6, mtime=0)

    def _store(self, data: bytes) -> int:
        offset = self._offsets.setdefault(data, self._size)
        if offset == self._size:
            self._chunks.append(data)
            self._size += len(data)
        return offset


_SMALL = 1_000_000


def _fits_float32(value: float) -> bool:
    return _SMALLEST_FLOAT32 <= abs(value) <= _LARGEST_FLOAT32 or math.isinf(value)


def _planes(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    raw = numbers.tobytes()
    size = numbers.itemsize
    return b"".join(raw[plane::size] for plane in range(size))
