"""Variables that keep graphs of passes long done, by what the counts say."""

from __future__ import annotations

import pytest

from gradtrace.diagnosis.evidence.lifetimes import Reason, growths, longest_walk
from gradtrace.diagnosis.rules import loss_sum_keeps_graph
from gradtrace.model import BackwardPass, Edge, Graph, Holder, HolderKind, Location, Node, Run, Trace

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")


def at(text: str) -> Location:
    return Location("train.py", 5, 1, 5, 2, "<module>", text)


def held(name: str, text: str, counts: list[tuple[int, int]]) -> tuple[Holder, ...]:
    """Counts of tensors and of passes, one for each pass from the third on."""
    return tuple(
        Holder(name, HolderKind.VARIABLE, at(text), tensors, 7 * passes, passes, 3 + number)
        for number, (tensors, passes) in enumerate(counts)
    )


@pytest.mark.parametrize(
    ("name", "text", "tensors", "reason"),
    [
        ("total", "total += loss", 1, Reason.TOTAL),
        ("running_loss", "running_loss = running_loss + loss", 1, Reason.TOTAL),
        ("self.total", "self.total += loss", 1, Reason.TOTAL),
        ("ema", "ema = 0.9 * ema + 0.1 * out.mean()", 1, Reason.AVERAGE),
        ("shadow", "shadow = [d * s + p for s, p in zip(shadow, ps)]", 1, Reason.AVERAGE),
        ("losses", "losses.append(loss)", None, Reason.HISTORY),
    ],
)
def test_what_grows_names_the_rule(name: str, text: str, tensors: int | None, reason: Reason) -> None:
    """More tensors are a history; one tensor that reaches further back is a total or an average."""
    counts = [(tensors or passes, passes) for passes in (3, 4, 5)]
    (found,) = growths(Trace(RUN, holders=held(name, text, counts)))
    assert found.reason is reason


def test_a_count_that_stays_is_no_growth() -> None:
    """Some graphs of several passes are meant to stay, and so is what is dropped again."""
    assert growths(Trace(RUN, holders=held("loss", "loss = a + b", [(1, 4)] * 5))) == ()
    assert growths(Trace(RUN, holders=held("window", "window.append(h)", [(3, 3), (4, 4), (3, 3), (4, 4)]))) == ()


def test_the_finding_says_how_much_is_kept() -> None:
    """The name, the passes and the nodes."""
    (found,) = loss_sum_keeps_graph.check(Trace(RUN, holders=held("total", "total += loss", [(1, 3), (1, 4), (1, 5)])))
    assert found.message == "total keeps the graphs of 5 passes alive, 35 nodes"
    assert found.help == "Add the number, not the tensor: `total += loss.item()` (or `loss.detach()`)."


def walk(*, retain: bool) -> Trace:
    """Passes at one line, each through one node more than the one before."""
    passes = []
    for index in range(1, 6):
        nodes = tuple(
            Node(
                number,
                "AddBackward0",
                "add",
                name="center",
                location=at("center = center + z"),
                made_after=index - 1 - number,
            )
            for number in range(index)
        )
        graph = Graph(nodes, tuple(Edge(number, number + 1, 0) for number in range(index - 1)))
        passes.append(
            BackwardPass(
                index,
                "Tensor.backward",
                at("loss.backward()"),
                (),
                retain_graph=retain,
                create_graph=False,
                recorded="full",
                graph=graph,
            )
        )
    return Trace(RUN, passes=tuple(passes))


def test_passes_that_walk_ever_further_are_one_cause() -> None:
    """What is carried over is named, and the variables that hold it are not reported again."""
    found = longest_walk(walk(retain=True))
    assert found is not None
    assert (found.n_first, found.n_last) == (1, 5)
    assert found.carried is not None
    assert found.carried.name == "center"
    assert longest_walk(walk(retain=False)) is None
