"""Before, added and after in a line: a sum only where the numbers are one."""

from dataclasses import replace

from gradtrace.model import Accumulation, Reduction, ReductionKind, TensorStats
from gradtrace.text.added import told


def stats(*values: float) -> TensorStats:
    norm = sum(value * value for value in values) ** 0.5
    return TensorStats((len(values),), "float32", len(values), norm=norm, value=list(values))


def norm_only(norm: float) -> TensorStats:
    return TensorStats((99,), "float32", 99, norm=norm)


def row(before: TensorStats | None, added: TensorStats, after: TensorStats) -> Accumulation:
    return Accumulation(0, before, added, after, "created" if before is None else "accumulated")


def test_values_that_add_up_are_a_sum() -> None:
    """Also a difference, and what was None before."""
    assert told([row(stats(2), stats(3), stats(5))], ("2", "3", "5"), is_norm=False) == "2 + 3 → 5"
    assert told([row(stats(2), stats(-3), stats(-1))], ("2", "-3", "-1"), is_norm=False) == "2 − 3 → -1"
    assert told([row(None, stats(3), stats(3))], ("None", "3", "3"), is_norm=False) == "None + 3 → 3"


def test_norms_are_never_added() -> None:
    """They are three numbers."""
    rows = [row(norm_only(3), norm_only(4), norm_only(5))]
    assert told(rows, ("3", "4", "5"), is_norm=True) == "3, adds 4 (cosine 0), then 5"
    assert told([row(None, norm_only(4), norm_only(4))], ("None", "4", "4"), is_norm=True) == "None → 4"


def test_what_does_not_add_up_is_marked() -> None:
    """By elements, or by norms that no sum can have."""
    assert told([row(None, stats(3), stats(2))], ("None", "3", "2"), is_norm=False) == "None, adds 3, then 2 *"
    assert told([row(norm_only(3), norm_only(4), norm_only(8))], ("3", "4", "8"), is_norm=True) == "3, adds 4, then 8 *"


def test_what_ranks_made_of_it_is_told_in_place_of_a_sum() -> None:
    """What came here, and what is left of it after the ranks have reduced it."""
    averaged = Reduction(ReductionKind.AVERAGED, 2)
    first = replace(row(None, stats(3), stats(2)), reduced=averaged)
    assert told([first], ("None", "3", "2"), is_norm=False) == "adds 3 here; averaged over 2 ranks 2"
    later = replace(row(stats(1), stats(3), stats(2)), reduced=averaged)
    assert told([later], ("1", "3", "2"), is_norm=False) == "1, adds 3 here; averaged over 2 ranks 2"
    own = row(None, stats(3), stats(2))
    assert told([first, own], ("None", "3", "2"), is_norm=True) == "None, adds 3, then 2 *"
