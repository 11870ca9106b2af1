"""Finding neighbouring repetitions in a sequence of symbols, in linear time."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_PRIME = (1 << 61) - 1
_BASE = 1_000_003
_NOWHERE = sys.maxsize

_STRETCH = 16
_CANDIDATES = 6
"""Where the same symbol, or the same stretch of symbols, comes next, a repetition may begin: so many are tried."""


@dataclass(frozen=True, slots=True)
class Run:
    """`count` equal blocks of `period` symbols each, one after the other, from `start`."""

    start: int
    period: int
    count: int

    @property
    def end(self) -> int:
        """The position after the last block."""
        return self.start + self.period * self.count


def find_runs(symbols: Sequence[int]) -> list[Run]:
    """Cover a sequence with repetitions that do not overlap, from the left, each as long as can be.

    Of the possible periods the one that covers most is taken, and of these the shortest.
    """
    if len(set(symbols)) == len(symbols):
        return []
    stretches = _Stretches(symbols)
    later = (_next_places(symbols), _next_places(stretches.all_of(_STRETCH)))
    runs: list[Run] = []
    start = end = 0
    while start < len(symbols):
        best: Run | None = None
        for period in _periods(later, start, len(symbols)):
            count = _repetitions(stretches.is_equal, start, period, len(symbols))
            if count > 1 and (best is None or count * period > best.count * best.period):
                best = Run(start, period, count)
        if best is None:
            start += 1
            continue
        best = _extended_left(symbols, best, end)
        runs.append(best)
        start = end = best.end
    return runs


def _periods(later: tuple[list[int], ...], start: int, length: int) -> Iterator[int]:
    """Distances at which the sequence may repeat from `start` on, the shortest first in each table."""
    for table in later:
        place = start
        for _ in range(_CANDIDATES):
            place = table[place] if place < len(table) else _NOWHERE
            if start + 2 * (place - start) > length:
                break
            yield place - start


def _next_places(symbols: Sequence[int]) -> list[int]:
    """For each position the next one with the same symbol."""
    later = [_NOWHERE] * len(symbols)
    seen: dict[int, int] = {}
    for place in range(len(symbols) - 1, -1, -1):
        later[place] = seen.get(symbols[place], _NOWHERE)
        seen[symbols[place]] = place
    return later


class _Stretches:
    """Compares stretches of a sequence at once, by polynomial hashes of its beginnings."""

    def __init__(self, symbols: Sequence[int]) -> None:
        self._hashes = [0]
        self._powers = [1]
        for symbol in symbols:
            self._hashes.append((self._hashes[-1] * _BASE + symbol + 1) % _PRIME)
            self._powers.append(self._powers[-1] * _BASE % _PRIME)

    def all_of(self, length: int) -> list[int]:
        """A number for the stretch of this length at every position at which there is one."""
        power = self._powers[length] if length < len(self._powers) else 0
        ends = self._hashes[length:]
        return [(end - start * power) % _PRIME for start, end in zip(self._hashes, ends, strict=False)]

    def is_equal(self, left: int, right: int, length: int) -> bool:
        """Whether the stretches of this length at `left` and at `right` are the same."""
        power = self._powers[length]
        hashes = self._hashes
        difference = hashes[left + length] - hashes[right + length] - (hashes[left] - hashes[right]) * power
        return difference % _PRIME == 0


def _repetitions(is_equal: Callable[[int, int, int], bool], start: int, period: int, length: int) -> int:
    """How many equal blocks of this period stand one after the other at `start`, by doubling and halving."""
    longest = length - start - period
    if longest < period or not is_equal(start, start + period, period):
        return 1
    low, high = period, longest
    # What repeats with a period for n symbols does so for all that are fewer: search for the longest.
    while low < high:
        middle = (low + high + 1) // 2
        if is_equal(start, start + period, middle):
            low = middle
        else:
            high = middle - 1
    return low // period + 1


def _extended_left(symbols: Sequence[int], run: Run, limit: int) -> Run:
    """The same repetition from as far left as it goes, but not before `limit`."""
    start = run.start
    while start > limit and symbols[start - 1] == symbols[start - 1 + run.period]:
        start -= 1
    return Run(start, run.period, (run.end - start) // run.period)
