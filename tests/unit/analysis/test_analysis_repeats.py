"""Repetitions in sequences of symbols."""

import random

import pytest

from gradtrace.analysis.repeats import Run, find_runs


@pytest.mark.parametrize(
    ("symbols", "runs"),
    [
        ("", []),
        ("abc", []),
        ("aaa", [Run(0, 1, 3)]),
        ("xababab", [Run(1, 2, 3)]),
        ("aabaabaab", [Run(0, 3, 3)]),
        ("ababa", [Run(0, 2, 2)]),
        ("abcabcxdede", [Run(0, 3, 2), Run(7, 2, 2)]),
        ("aaaab" * 4, [Run(0, 5, 4)]),
        ("aaaaaaaaaab" * 3, [Run(0, 11, 3)]),
    ],
)
def test_runs(symbols: str, runs: list[Run]) -> None:
    """The period that covers most wins, and of these the shortest; what is left over stays outside."""
    assert find_runs([ord(symbol) for symbol in symbols]) == runs


def test_runs_are_real_and_do_not_overlap() -> None:
    rng = random.Random(7)
    for _ in range(300):
        symbols = [rng.randrange(3) for _ in range(rng.randrange(60))]
        end = 0
        for run in find_runs(symbols):
            assert run.start >= end
            assert run.count > 1
            first = symbols[run.start : run.start + run.period]
            assert symbols[run.start : run.end] == first * run.count
            end = run.end


def test_a_long_sequence_is_searched_in_linear_time() -> None:
    symbols = [place % 1000 for place in range(200_000)]
    assert find_runs(symbols) == [Run(0, 1000, 200)]
