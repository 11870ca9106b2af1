"""Which passes are rounds of the program's loop, and which run inside one: a gradient that the loss itself needs."""

from __future__ import annotations

from collections.abc import Iterable

from gradtrace.analysis.once import once
from gradtrace.analysis.training_steps import inner
from gradtrace.model import Trace


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
