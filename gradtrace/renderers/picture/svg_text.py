"""How wide text is, by the metrics of Helvetica (those of Arial and Liberation Sans), without any font at hand."""

import unicodedata
from functools import lru_cache

from gradtrace.text.palette import BOLD, SIZES

_REGULAR = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 "
    "278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 "
    "667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 "
    "556 333 500 278 556 500 722 500 500 500 334 260 334 584 "
)
_BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 "
    "333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 "
    "667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 "
    "611 389 556 333 611 556 778 556 556 500 389 280 389 584 "
)
_WIDTHS = {
    is_bold: {chr(32 + i): int(width) for i, width in enumerate(row.split())}
    for is_bold, row in ((False, _REGULAR), (True, _BOLD))
}
_OTHER = {"→": 1000, "←": 1000, "…": 1000, "×": 584, "·": 278, "−": 584, "∂": 494}
_WIDE = 1000
_UNKNOWN = 650


@lru_cache(maxsize=4096)
def text_width(text: str, role: str) -> float:
    """Width of text in a role, in points."""
    table = _WIDTHS[role in BOLD]
    total = sum(table.get(letter) or _other(letter) for letter in text)
    return total * SIZES[role] / 1000


def _other(letter: str) -> int:
    if letter in _OTHER:
        return _OTHER[letter]
    if unicodedata.combining(letter):
        return 0
    return _WIDE if unicodedata.east_asian_width(letter) in {"W", "F"} else _UNKNOWN


def line_height(role: str) -> float:
    """Height of a line of text in a role, in points."""
    return round(SIZES[role] * 1.32, 1)


def fitted(text: str, role: str) -> str:
    """Attributes of a text that keep it to the width which was measured for it, whatever font is there to draw it."""
    return f' textLength="{text_width(text, role):.1f}" lengthAdjust="spacingAndGlyphs"' if text.strip() else ""
