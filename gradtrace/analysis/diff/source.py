"""The lines in which the sources of two programs differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of the old source that the new one has replaced; numbers count from 1, either side may have none."""

    old: tuple[tuple[int, str], ...]
    new: tuple[tuple[int, str], ...]


def hunks(old: Sequence[str], new: Sequence[str]) -> tuple[Hunk, ...]:
    """What differs between two sources, without lines that are blank."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    found = [
        Hunk(_numbered(old, a, b), _numbered(new, c, d))
        for kind, a, b, c, d in matcher.get_opcodes()
        if kind != "equal"
    ]
    return tuple(hunk for hunk in found if hunk.old or hunk.new)


def _numbered(lines: Sequence[str], start: int, stop: int) -> tuple[tuple[int, str], ...]:
    return tuple((at + 1, lines[at].strip()) for at in range(start, stop) if lines[at].strip())
