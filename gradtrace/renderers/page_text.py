"""The texts of the page, each stored once, and made inert: what a browser would act on or hide becomes visible."""

import re
from collections.abc import Iterable

_LONGEST = 4_000

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters but tab and newline, marks without width, direction marks, and surrogates without their partner."""


def inert(text: str) -> str:
    """Show what cannot be seen as an escape (`\\x1b`, `\\u202e`) and shorten what nobody would read to its end."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"
    return _UNSEEN.sub(_escape, text) if not text.isascii() or not text.isprintable() else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Texts:
    """Numbers texts in the order in which they come; -1 stands for None."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """The number of a text."""
        return -1 if text is None else self._numbers.setdefault(text, len(self._numbers))

    def numbers(self, texts: Iterable[str | None]) -> list[int]:
        """The numbers of many texts."""
        known = self._numbers
        return [-1 if text is None else known.setdefault(text, len(known)) for text in texts]

    def all(self) -> list[str]:
        """All texts by number."""
        return [inert(text) for text in self._numbers]
