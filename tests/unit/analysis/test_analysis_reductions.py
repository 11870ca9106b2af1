"""What ranks made of their gradients is told by the numbers of all of them, and never without."""

from collections.abc import Sequence

import pytest

from gradtrace.analysis.reductions import with_reductions
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Leaf,
    RecordedProcess,
    Run,
    TensorStats,
    Trace,
)
from gradtrace.model.tensors import statistics_of


def small(*values: float, dtype: str = "float32") -> TensorStats:
    """A tensor of which every element is known."""
    return TensorStats((len(values),), dtype, len(values), *statistics_of(values), value=list(values))


def large(*values: float, mean: bool = True) -> TensorStats:
    """A tensor of which statistics are known."""
    norm, low, high, middle, *counts = statistics_of(values)
    known = (norm, low, high, middle, *counts) if mean else (norm, None, None, None, 0, 0, None)
    return TensorStats((len(values),), "float32", len(values), *known)


Row = tuple[TensorStats | None, TensorStats | None, TensorStats | None]
"""Before, contribution, after; without a contribution the rank did not use the parameter."""


def ranks(*rows: Row | None, are_known: bool = True) -> Trace:
    """One pass in each of several ranks over a parameter `w`."""
    passes = tuple(
        BackwardPass(
            number + 1, "Tensor.backward", None, (), retain_graph=False, create_graph=False, recorded="full",
            accumulations=(
                *(() if row is None else (Accumulation(number, *row, "accumulated" if row[0] else "created"),)),
                Accumulation(len(rows) + number, None, small(1.0), small(1.0), "created"),
            ),
            process=number,
        )
        for number, row in enumerate(rows)
    )  # fmt: skip
    leaves = tuple(
        Leaf(first + number, name, "parameter", (1,), "float32", process=number)
        for first, name in ((0, "w"), (len(rows), "own"))
        for number in range(len(rows))
    )
    processes = tuple(RecordedProcess(n, 10 + n, n if are_known else None, len(rows)) for n in range(len(rows)))
    run = Run("train.py", (), "3.11", "2.13.0", "0", "cpu", n_processes=len(rows), processes=processes)
    return Trace(run, leaves, passes=passes)


def said(trace: Trace) -> list[str]:
    """The reductions of `w`, by rank."""
    named: Sequence[Accumulation] = [row for one in with_reductions(trace).passes for row in one.accumulations]
    assert not any(row.reduced for row in named if trace.leaves[row.leaf].name == "own")
    return [str(row.reduced) for row in named if trace.leaves[row.leaf].name == "w"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(None, small(1, 4), small(2, 3)), (None, small(3, 2), small(2, 3))], "averaged over 2 ranks"),
        ([(None, small(1, 4), small(4, 6)), (None, small(3, 2), small(4, 6))], "summed over 2 ranks"),
        ([(None, small(1, 4), small(9, 9)), (None, small(3, 2), small(9, 9))], "made equal on 2 ranks"),
        ([(None, small(1, 4), small(9, 9)), (None, small(3, 2), small(8, 9))], "None"),
        ([(None, small(1, 4), small(1, 4)), (None, small(3, 2), small(3, 2))], "None"),
        # what a rank held from a pass without exchange is averaged with the rest
        ([(small(2), small(2), small(5)), (small(4), small(2), small(5))], "averaged over 2 ranks"),
        # what was averaged before stays as it is
        ([(small(5), small(2), small(8)), (small(5), small(4), small(8))], "averaged over 2 ranks"),
        # each rank keeps a part of the average: unequal parts too
        ([(None, small(1, 4, 7), small(2, 3)), (None, small(3, 2, 5), small(6))],
         "averaged over 2 ranks, this rank's part"),
        ([(None, small(1, 4), small(2)), (None, small(3, 2), small(7))], "None"),
        # its part was there before; or all of it, which no rank had shared
        ([(small(1), small(1, 4), small(3)), (small(1), small(3, 2), small(4))],
         "averaged over 2 ranks, this rank's part"),
        ([(small(1, 1), small(1, 4), small(3)), (small(1, 1), small(3, 2), small(4))],
         "averaged over 2 ranks, this rank's part"),
        # of large tensors sums are compared
        ([(None, large(1, 4), large(2, 3)), (None, large(3, 2), large(2, 3))], "averaged over 2 ranks"),
        ([(None, large(1, 4, 7, 0), large(4, 6)), (None, large(3, 2, 5, 8), large(12, 8))],
         "summed over 2 ranks, this rank's part"),
        ([(None, large(1, 40, mean=False), large(2, 3, mean=False)),
          (None, large(3, 20, mean=False), large(2, 3, mean=False))], "made equal on 2 ranks"),
    ],
)  # fmt: skip
def test_reduction_is_found_by_the_numbers(rows: list[Row], expected: str) -> None:
    """Average, sum or part of them; where no sum fits, only what is the same on all ranks."""
    assert said(ranks(*rows)) == [expected] * 2


def test_rank_that_did_not_use_a_parameter_counts_with_zeros() -> None:
    """DDP divides by the number of ranks all the same."""
    assert said(ranks((None, small(1, 4), small(0.5, 2)), None)) == ["averaged over 2 ranks"]
    assert said(ranks((None, small(1, 4), small(0.7, 2)), None)) == ["None"]


def test_without_ranks_nothing_is_said() -> None:
    """Two processes that happen to hold such numbers are not two ranks."""
    rows: list[Row] = [(None, small(1, 4), small(2, 3)), (None, small(3, 2), small(2, 3))]
    assert said(ranks(*rows, are_known=False)) == ["None"] * 2


def test_half_precision_rounds_more() -> None:
    """An average of bfloat16 is near the average."""
    first, second = small(1.01, dtype="bfloat16"), small(2.02, dtype="bfloat16")
    after = small(1.508, dtype="bfloat16")
    assert said(ranks((None, first, after), (None, second, after))) == ["averaged over 2 ranks"] * 2
