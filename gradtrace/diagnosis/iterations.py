"""Which passes are rounds of the program's loop, and which run inside one: a gradient that the loss itself needs."""

from __future__ import annotations

from collections.abc import Iterable

from gradtrace.analysis.once import once
from gradtrace.model import BackwardPass, PassCall, Trace


@once
def inner(trace: Trace) -> frozenset[int]:
    """Indices of the passes inside a round: inner loops, penalties, derivatives with respect to inputs.

    They return their gradients and store none. Where no pass of the process stores any, the program trains with what
    `autograd.grad` returns, and only gradients with a graph are for a loss.
    """
    storing = {one.process for one in trace.passes if not _returns(one) and not one.is_drawn_only}
    return frozenset(
        one.index for one in trace.passes if _returns(one) and (one.create_graph or one.process in storing)
    )


def _returns(one: BackwardPass) -> bool:
    return one.call == PassCall.AUTOGRAD_GRAD or one.parent is not None


@once
def _rounds(trace: Trace) -> dict[int, int]:
    rounds: dict[int, int] = {}
    begun: dict[int, int] = {}
    inside = inner(trace)
    for one in sorted(trace.passes, key=lambda one: one.index):
        rounds[one.index] = begun.get(one.process, 0)
        if one.index not in inside:
            begun[one.process] = rounds[one.index] + one.count
    return rounds


def n_rounds(trace: Trace, passes: Iterable[int]) -> int:
    """How many rounds of the loop these passes belong to; a round ends with a pass that stores gradients."""
    rounds = _rounds(trace)
    return len({rounds.get(index, 0) for index in passes})
