"""Which passes are rounds of the program's loop."""

from __future__ import annotations

from gradtrace.analysis.training_steps import inner
from gradtrace.diagnosis.evidence.iterations import n_rounds
from gradtrace.diagnosis.evidence.lifetimes import growths
from gradtrace.model import BackwardPass, Graph, Holder, HolderKind, Location, Node, Run, Trace

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")


def trace(calls: str, **fields: object) -> Trace:
    """Passes: b backward, g autograd.grad, c autograd.grad with create_graph."""
    passes = tuple(
        BackwardPass(
            number,
            "Tensor.backward" if call == "b" else "autograd.grad",
            Location("train.py", 9),
            (),
            retain_graph=False,
            create_graph=call == "c",
            recorded="full",
        )
        for number, call in enumerate(calls, 1)
    )
    return Trace(RUN, passes=passes, **fields)  # type: ignore[arg-type]


def test_what_a_loss_needs_is_inside_a_round() -> None:
    """The round ends with the pass that stores gradients."""
    told = trace("ccbccb")
    assert inner(told) == {1, 2, 4, 5}
    assert n_rounds(told, (1, 2, 3)) == 1
    assert n_rounds(told, (1, 4)) == 2
    assert inner(trace("ggb")) == {1, 2}


def test_a_program_may_train_with_what_autograd_grad_returns() -> None:
    """Then each of these passes is a round, but for those with a graph."""
    assert inner(trace("cgcg")) == {1, 3}


def held(pass_index: int, n_passes: int) -> Holder:
    return Holder(
        "total",
        HolderKind.VARIABLE,
        Location("train.py", 4, text="total += slope"),
        1,
        9 * n_passes,
        n_passes,
        pass_index,
    )


def test_graphs_of_inner_passes_are_no_growth() -> None:
    """A sum within a round grows with each inner pass, and is as large in the next round."""
    inside = tuple(held(index, index) for index in (3, 4, 5))
    assert growths(trace("cccccb", holders=inside)) == ()
    assert len(growths(trace("bbbbbb", holders=inside))) == 1


def test_what_a_loss_takes_in_is_kept_for_it() -> None:
    """A later pass goes through what was added in several rounds."""
    told = trace("bbbbbb", holders=tuple(held(index, index) for index in (3, 4, 5)))
    nodes = tuple(Node(i, "AddBackward0", "add", location=Location("train.py", 4), made_after=i) for i in range(3))
    last = BackwardPass(7, "Tensor.backward", None, (), False, False, "full", graph=Graph(nodes, ()))
    assert growths(Trace(RUN, passes=(*told.passes, last), holders=told.holders)) == ()
