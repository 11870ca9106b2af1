"""Findings of one rule at one place are told as one."""

from dataclasses import replace

from gradtrace.diagnosis.merged import merged
from gradtrace.model import Finding, Location, RelatedLocation, Severity

LINE = Location("train.py", 4, 5, 4, 9)
ONE = Finding("a-rule", Severity.WARNING, "x is lost", LINE, (), "Keep x.", (0,), (2, 3))


def test_leaves_passes_and_places_are_put_together() -> None:
    """What the first says stands for all, and its leaves tell of the others."""
    step = RelatedLocation(Location("train.py", 9, 1, 9, 2), "used here")
    two = replace(ONE, message="y is lost", related=(step,), help="Keep y.", leaves=(1, 0), passes=(1,))
    assert merged([ONE, two]) == [replace(ONE, related=(step,), leaves=(0, 1), passes=(1, 2, 3))]


def test_what_no_leaf_tells_is_counted() -> None:
    """Messages that differ are not dropped without a word."""
    bare = replace(ONE, leaves=())
    assert merged([bare, replace(bare, message="y is lost"), replace(bare, message="z is lost")]) == [
        replace(bare, message="x is lost (and 2 more here)")
    ]


def test_others_stay_apart() -> None:
    """Another rule, severity or column is another thing, and findings without a place are not put together."""
    others = [
        ONE,
        replace(ONE, rule="other"),
        replace(ONE, severity=Severity.ERROR),
        replace(ONE, location=replace(LINE, column=7)),
        replace(ONE, location=None),
        replace(ONE, location=None, message="y is lost"),
    ]
    assert merged([*others, ONE]) == others
