"""The norms of gradients that are spread over ranks, put together from what each rank has measured of its own part.

The square of the norm is the sum of the squares over the parts; where several ranks hold the same part, each counts for
its share of it. No rank has asked another for anything: all of it stands in the recording of all.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from gradtrace.analysis.once import once
from gradtrace.model import NormPart, NormSeries, StepNorms, Trace


@dataclass(frozen=True, slots=True)
class Combined:
    """The series of a trace, with the norms of spread gradients put together where that is possible.

    Attributes:
        series: as in the trace, in order.
        ranks: for each series the ranks whose parts were put together; empty where nothing is spread.
        missing: for each series the ranks whose parts are not known: its norms are those of its own rank's part.
    """

    series: tuple[NormSeries, ...]
    ranks: tuple[tuple[int, ...], ...]
    missing: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of one optimizer of a rank, by number, each with the positions of its parts by name."""

    found: dict[int, tuple[StepNorms, dict[Hashable, int]]]


@once
def combined(trace: Trace) -> Combined:
    """Put together what the ranks of a trace have measured of their parts."""
    whole = trace.whole or trace
    rank_of = {one.number: one.rank for one in whole.run.processes if one.rank is not None}
    by_rank = _by_rank(whole, rank_of) if any(map(_is_spread, trace.step_norms)) else {}
    made = [_combine(trace, series, by_rank) for series in trace.step_norms]
    return Combined(tuple(one for one, _, _ in made), tuple(one for _, one, _ in made), tuple(one for *_, one in made))


def _is_spread(series: NormSeries) -> bool:
    return any(part.ranks for part in series.parts)


def _by_rank(whole: Trace, rank_of: dict[int, int]) -> dict[tuple[int, int], _Steps]:
    """The steps by rank and by which of its optimizers took them."""
    found: dict[tuple[int, int], _Steps] = {}
    for series in whole.step_norms:
        rank = rank_of.get(series.process)
        if rank is not None:
            steps = found.setdefault((rank, _which(whole, series)), _Steps({})).found
            names = {_key(part): at for at, part in enumerate(series.parts)}
            steps.update((step.number, (step, names)) for step in series.steps)
    return found


def _which(trace: Trace, series: NormSeries) -> int:
    """Which of the optimizers of its process has taken the steps."""
    own = [one.id for one in trace.optimizers if one.process == series.process]
    return own.index(series.optimizer) if series.optimizer in own else -1


def _combine(
    trace: Trace, series: NormSeries, by_rank: dict[tuple[int, int], _Steps]
) -> tuple[NormSeries, tuple[int, ...], tuple[int, ...]]:
    if not _is_spread(series):
        return series, (), ()
    ranks = tuple(sorted({rank for part in series.parts for rank in part.ranks}))
    which = _which(trace, series)
    theirs = {rank: by_rank[rank, which] for rank in ranks if (rank, which) in by_rank}
    missing = tuple(rank for rank in ranks if rank not in theirs)
    if missing:
        return series, (), missing
    steps = []
    for step in series.steps:
        if any(step.number not in one.found for one in theirs.values()):  # a rank ended before it
            steps.append(replace(step, parts=(None,) * len(series.parts), total=None))
            continue
        parts = tuple(
            _whole_norm(part, norm, step.number, theirs) for part, norm in zip(series.parts, step.parts, strict=True)
        )
        there = [norm for norm in parts if norm is not None]
        total = None if step.total is None or not there else math.sqrt(math.fsum(norm * norm for norm in there))
        same = [one.found[step.number][0] for one in theirs.values()]
        change = _joint(series, [one.change for one in same])
        weights = _joint(series, [one.weights for one in same])
        steps.append(replace(step, parts=parts, total=total, change=change, weights=weights))
    return replace(series, steps=tuple(steps)), ranks, ()


def _whole_norm(part: NormPart, own: float | None, number: int, theirs: dict[int, _Steps]) -> float | None:
    """The norm of a part over all its ranks; None where none of them has a gradient, or one does not know the part."""
    if not part.ranks:
        return own
    squares = []
    for rank in part.ranks:
        step, positions = theirs[rank].found[number]
        at = positions.get(_key(part))
        if at is None:
            return None
        norm = step.parts[at]
        if norm is not None:
            squares.append(norm * norm)
    return math.sqrt(math.fsum(squares) / part.copies) if squares else None


def _joint(series: NormSeries, norms: Sequence[float | None]) -> float | None:
    """The norm over all ranks of what each has measured of all its parameters, where all are spread in one way."""
    if len({(part.ranks, part.copies) for part in series.parts}) > 1:
        return None
    there = [norm for norm in norms if norm is not None]
    if len(there) < len(norms):
        return None
    return math.sqrt(math.fsum(norm * norm for norm in there) / series.parts[0].copies)


def _key(part: NormPart) -> Hashable:
    return part.name, part.ranks, part.copies
