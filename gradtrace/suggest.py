"""What may have been meant by a name that nothing bears: the one "did you mean" of all messages."""

import difflib
from collections.abc import Iterable

_MOST = 3
_ALIKE = 0.6


def close_names(name: str, known: Iterable[str], most: int = _MOST, alike: float = _ALIKE) -> list[str]:
    """The known names that are most like this one, the most alike first.

    Args:
        name: as it was written.
        known: the names that exist.
        most: so many at most.
        alike: how alike they must be, from 0 to 1.
    """
    return difflib.get_close_matches(name, list(known), most, alike)


def did_you_mean(name: str, known: Iterable[str], most: int = _MOST, alike: float = _ALIKE) -> str:
    """`did you mean a or b?`, to be put behind what is wrong; empty when nothing is close.

    Args:
        name: as it was written.
        known: the names that exist.
        most: so many at most.
        alike: how alike they must be, from 0 to 1.
    """
    close = close_names(name, known, most, alike)
    return f"did you mean {' or '.join(close)}?" if close else ""


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """`there is no format 'sgv' here: choose dot, svg; did you mean svg?`.

    Args:
        what: of what kind the name is: `format`.
        name: as it was written.
        known: the names that exist.
    """
    names = list(known)
    meant = did_you_mean(name.lower(), names, most=1)
    return f"there is no {what} {name!r} here: choose {', '.join(names)}{f'; {meant}' if meant else ''}"
