"""Which pass is meant: the one of an index, or the one that a reader wants to see first."""

from gradtrace.analysis.training_steps import inner
from gradtrace.model import BackwardPass, Trace


def with_graph(trace: Trace) -> list[BackwardPass]:
    """The passes that can be drawn."""
    return [one for one in trace.passes if one.graph is not None and one.graph.nodes]


def first_pass(trace: Trace) -> BackwardPass | None:
    """The first pass with a graph that is not a part of another's step, such as that of a gradient penalty.

    Where all are parts, the first with a graph; None where there is none.
    """
    drawable = with_graph(trace)
    inside = inner(trace)
    return next((one for one in drawable if one.index not in inside), next(iter(drawable), None))


def pass_at(trace: Trace, index: int) -> BackwardPass | None:
    """The pass of this index, or the one whose repetitions it is among; None where there is none."""
    return next((one for one in trace.passes if one.index <= index < one.index + one.count), None)
