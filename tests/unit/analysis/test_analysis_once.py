"""What was found out once is not found out again, and keeps nothing alive."""

from __future__ import annotations

import gc
import weakref

from gradtrace.analysis.by_value import by_value
from gradtrace.analysis.ledger import ledger
from gradtrace.analysis.once import once
from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Accumulation, BackwardPass, Event, Graph, Leaf, Run, TensorStats, Trace


def test_each_object_is_looked_at_once() -> None:
    """Equal ones are told apart."""
    seen: list[Graph] = []

    @once
    def look(graph: Graph) -> int:
        seen.append(graph)
        return len(seen)

    one, other = Graph((), ()), Graph((), ())
    assert [look(one), look(other), look(one), look(other)] == [1, 2, 1, 2]


def test_a_trace_that_was_diagnosed_can_be_freed() -> None:
    """Also one whose events the values correct, and the corrected one."""

    def stats(x: float) -> TensorStats:
        return TensorStats((), "float32", 1, norm=x, value=x)

    rows = (
        Accumulation(0, None, stats(1), stats(1), "created"),
        Accumulation(0, stats(0), stats(2), stats(2), "accumulated"),
    )
    passes = tuple(
        BackwardPass(
            number, "Tensor.backward", None, (), retain_graph=False, create_graph=False, recorded="full",
            graph=Graph((), ()), accumulations=(row,),
        )
        for number, row in enumerate(rows, 1)
    )  # fmt: skip
    events = (
        Event(0, "backward", 1, (0,)),
        Event(1, "grad_modified", 1, (0,), call="mul_"),
        Event(2, "backward", 2, (0,)),
    )
    leaf = Leaf(0, "w", "parameter", (), "float32")
    trace = Trace(Run("train.py", (), "", "", "", "cpu"), (leaf,), passes=passes, events=events)
    told = by_value(trace)
    diagnose(trace)
    ledger(trace)
    ledger(told)
    assert told is not trace
    assert by_value(told) is told
    living = [weakref.ref(trace), weakref.ref(told), weakref.ref(passes[0].graph)]
    del trace, told, passes, rows
    gc.collect()
    assert [reference() for reference in living] == [None, None, None]
