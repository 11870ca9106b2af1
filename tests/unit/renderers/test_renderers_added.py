"""Before, added and after in a line: a sum only where the numbers are one."""

from gradtrace.model import Accumulation, BackwardPass, Leaf, Run, TensorStats, Trace
from gradtrace.text.added import told, who_changed


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


def test_who_changed_it_is_told_by_the_numbers() -> None:
    """The mean of what two processes added is the work of DDP; something else is not."""

    def run(after: float) -> Trace:
        passes = tuple(
            BackwardPass(
                process + 1, "Tensor.backward", None, (), retain_graph=False, create_graph=False, recorded="full",
                accumulations=(Accumulation(process, None, stats(added), stats(after), "created"),), process=process,
            )
            for process, added in enumerate((1.0, 3.0))
        )  # fmt: skip
        leaves = tuple(Leaf(process, "w", "parameter", (1,), "float32", process=process) for process in range(2))
        return Trace(Run("train.py", (), "3.11", "2.13.0", "0", "cpu"), leaves, passes=passes)

    assert who_changed(run(2.0)) == "here: averaged over 2 ranks"
    assert who_changed(run(9.0)) == "by a hook or another thread, or for the gradients of 2 processes"
