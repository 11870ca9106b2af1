"""Rules are found by the words that people have for what they see."""

import pytest

from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.search import matching


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("memory grows", "loss-sum-keeps-graph"),
        ("in-place", "inplace-saved-input"),
        ("inplace overwritten", "inplace-saved-output"),
        ("zero_grad", "zero-grad-forgotten"),
        ("NaN where", "where-untaken-branch"),
        ("Softmax BATCH", "softmax-over-batch"),
        ("detach", "detach-midgraph"),
    ],
)
def test_words_find_a_rule(words: str, name: str) -> None:
    """All words must be there, as they are or as the beginning of longer ones."""
    assert name in [rule.name for rule in matching(words, RULES)]


def test_the_best_comes_first() -> None:
    """A word in the name counts for more than one on the page."""
    assert matching("unscale", RULES)[0].name == "clip-before-unscale"


@pytest.mark.parametrize("words", ["", "...", "zebra", "detach zebra"])
def test_nothing_matches(words: str) -> None:
    """No words match nothing, and one that is nowhere spoils all."""
    assert matching(words, RULES) == ()
