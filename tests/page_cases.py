"""Data of pages as Python packs it, with which the tests of the page's TypeScript begin.

`python tests/page_cases.py` writes `page_cases.json` anew.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from pathlib import Path
from typing import Any

import builders

from gradtrace.model import Trace
from gradtrace.renderers.page.columns import Columns
from gradtrace.renderers.page.data import packed
from gradtrace.renderers.page.opening import Opening

FILE = Path(__file__).with_suffix(".json")

INTEGERS = {"constant": [7, 7, 7], "empty": [], "small": [3, -1, 4, 1, -5, 9], "large": [1, 2**31, 5, -(2**40)]}
FLOATS = {"plain": [0.5, None, -2.0], "odd": [1e-40, float("nan"), None, 1e300, float("inf"), 0.25]}


def _columns() -> dict[str, Any]:
    """Every kind of column, packed, with what must come out."""
    columns = Columns()
    header = {
        "integers": {name: columns.integers(values) for name, values in INTEGERS.items()},
        "floats": {name: columns.floats(values) for name, values in FLOATS.items()},
    }
    # JSON has no number for what is not finite.
    floats = {
        name: [one if one is None or math.isfinite(one) else str(one) for one in values]
        for name, values in FLOATS.items()
    }
    return {"packed": _text(columns.pack(header)), "integers": INTEGERS, "floats": floats}


def _page(trace: Trace) -> str:
    return _text(packed(trace, {}, Opening()))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def cases() -> dict[str, Any]:
    """All that stands in the file."""
    return {
        "columns": _columns(),
        "product": _page(builders.product_trace()),
        "modules": _page(builders.module_net_trace(2)),
        "accumulate": _page(builders.accumulate_trace()),
        "cut": _page(builders.cut_trace()),
    }


def unpacked(text: str) -> bytes:
    """What a packed text holds, however it was compressed."""
    return gzip.decompress(base64.b64decode(text))


if __name__ == "__main__":
    FILE.write_text(json.dumps(cases(), indent=1) + "\n", encoding="utf-8")
