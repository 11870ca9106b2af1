"""The order in which leaves are listed, the same in every table."""

import re

from gradtrace.model import Leaf, LeafKind


def natural(leaf: Leaf) -> tuple[tuple[str | int, ...], int]:
    """A key to sort by: parameters by module and name, numbers in it as numbers; other leaves as they were found."""
    if leaf.kind == LeafKind.TENSOR:
        return ((), leaf.id)
    return (tuple(int(part) if part.isdecimal() else part for part in _DIGITS.split(leaf.name)), leaf.id)


_DIGITS = re.compile(r"([0-9]+)")
