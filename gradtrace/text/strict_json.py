r"""Numbers and text as strict JSON: what every document, log and page writes, in one place.

Strict is RFC 8259, ASCII only: numbers that JSON cannot hold are the strings `"nan"`, `"inf"` and `"-inf"`, whole
numbers that a reader may round are hexadecimal text, and half of a surrogate pair is spelled out (`\ud800`).
"""

import json
from math import isfinite
from typing import Any

import msgspec

from gradtrace.model import NestedValue

_LARGEST_EXACT = 2**53

_ESCAPED = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
"""For text beyond ASCII, which is escaped: whatever a terminal would make of it, it is inert."""


def number(x: Any) -> Any:
    """A number as it is written: the special ones as text; what is no number stays as it is."""
    if isinstance(x, float) and not isfinite(x):
        return "nan" if x != x else "inf" if x > 0 else "-inf"  # noqa: PLR0124 - only nan differs from itself
    return x


def values(nested: NestedValue) -> NestedValue:
    """The elements of a tensor, in nested lists, as they are written."""
    return [values(item) for item in nested] if isinstance(nested, (list, tuple)) else number(nested)


def exact(n: int) -> int | str:
    """A number that every reader keeps exactly; a larger one in hexadecimal, as text."""
    return n if abs(n) <= _LARGEST_EXACT else hex(n)


def one_line(value: object) -> str:
    """JSON text without line breaks.

    Args:
        value: anything that msgspec encodes; its numbers have gone through `number` or `values`.
    """
    try:
        text = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates, integers of more than 64 bits
        pass
    else:
        if text.isascii():
            return text.decode("ascii")
    return _ESCAPED(without_surrogates(msgspec.to_builtins(value)))


def indented(value: object) -> str:
    """JSON text for files that people read too, with a line break at its end."""
    return json.dumps(without_surrogates(msgspec.to_builtins(value)), indent=2, allow_nan=False) + "\n"


def without_surrogates(value: Any) -> Any:
    """Lone surrogates spelled out: strict readers refuse them even when they are escaped."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {key: without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [without_surrogates(item) for item in value]
        case _:
            return value
