"""Two sequences alike in most: which of their items belong together."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

_SQUARE = 250_000
"""Up to so many pairs of items, the longest common parts are looked for; above, equal items are counted through."""


def align(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Positions of equal items, in the order of both."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = _middle(old[start : len(old) - end], new[start : len(new) - end])
    return [
        *((at, at) for at in range(start)),
        *((start + a, start + b) for a, b in middle),
        *((len(old) - end + at, len(new) - end + at) for at in range(end)),
    ]


def _middle(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    if len(old) * len(new) <= _SQUARE:
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        return [(a + i, b + i) for a, b, size in matcher.get_matching_blocks() for i in range(size)]
    return _increasing(_numbered(old), _numbered(new))


def _numbered(items: Sequence[Hashable]) -> list[tuple[Hashable, int]]:
    """Each item with how many equal ones stand before it."""
    seen: Counter[Hashable] = Counter()
    numbered = []
    for item in items:
        numbered.append((item, seen[item]))
        seen[item] += 1
    return numbered


def _increasing(old: Sequence[tuple[Hashable, int]], new: Sequence[tuple[Hashable, int]]) -> list[tuple[int, int]]:
    """The most pairs of equal items that stand in the order of both, where no item stands twice."""
    place = {item: at for at, item in enumerate(new)}
    pairs = [(at, place[item]) for at, item in enumerate(old) if item in place]
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, at) in enumerate(pairs):
        length = bisect_left(ends, at)
        before.append(last[length - 1] if length else -1)
        if length == len(ends):
            ends.append(at)
            last.append(number)
        else:
            ends[length], last[length] = at, number
    chosen = []
    number = last[-1] if last else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]
