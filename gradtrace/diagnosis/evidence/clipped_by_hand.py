"""Clipping that a program does itself, known by what it leaves: gradients of one and the same norm, step after step."""

from __future__ import annotations

import math

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.timeline import is_by_hand
from gradtrace.model import Event, Trace
from gradtrace.model.location import Line, source_line

_SAME = 1e-2
"""Relative difference of norms that count as one; some add a small number to the divisor."""
_TWICE = 2


@once
def clipping_lines(trace: Trace) -> frozenset[Line]:
    """The lines that have brought gradients of different norms down to the same norm, twice or more and never else."""
    norms: dict[Line, list[tuple[float, float]]] = {}
    for event in trace.events:
        if is_by_hand(event):
            before, after = event.norm_before, event.norm_after
            if not before or not after or not math.isfinite(before + after):
                continue
            norms.setdefault(source_line(event.location), []).append((before, after))
    return frozenset(line for line, pairs in norms.items() if _is_clipped(pairs))


def _is_clipped(pairs: list[tuple[float, float]]) -> bool:
    before, after = [one for one, _ in pairs], [one for _, one in pairs]
    if len(pairs) < _TWICE or not all(small < large for large, small in pairs):
        return False
    is_same = max(after) <= min(after) * (1 + _SAME)
    return is_same and max(before) > min(before) * (1 + 2 * _SAME)


def clips(trace: Trace, event: Event) -> bool:
    """Whether an event clips gradients, by a function of torch or by hand."""
    return event.is_clipping or (is_by_hand(event) and source_line(event.location) in clipping_lines(trace))


def clipper(event: Event) -> str:
    """What clips there, to begin a sentence at its place."""
    return f"{event.call}()" if event.is_clipping else "this"
