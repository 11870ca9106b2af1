"""One rank of a distributed run, seen with the others in mind."""

from __future__ import annotations

from dataclasses import replace

from gradtrace.analysis.reductions import with_reductions
from gradtrace.errors import UsageError
from gradtrace.model import Blind, Reduction, Trace, ranks_in_words

_OF_ALL = frozenset({Blind.RANKS_NOT_RECORDED, Blind.RANK_ENDED})


def chosen(whole: Trace, rank: int | None = None) -> int | None:
    """The number of the process that is a rank; by default the first rank that ran a pass.

    None where the run has one rank or none, and none was asked for.

    Raises:
        UsageError: the run has no such rank.
    """
    ranks = {one.rank: one.number for one in whole.run.processes if one.rank is not None}
    if rank is not None and rank not in ranks:
        known = f"it has {ranks_in_words(ranks)}" if ranks else "it ran without ranks"
        raise UsageError(f"{whole.run.target} has no rank {rank}: {known}")
    if not whole.run.has_ranks:
        return None
    if rank is not None:
        return ranks[rank]
    busy = {one.process for one in whole.passes}
    return next((number for number in ranks.values() if number in busy), next(iter(ranks.values())))


def one_of(whole: Trace, own: Trace, process: int) -> Trace:
    """What one process did, with what it and the other ranks made of their gradients.

    Args:
        whole: the trace of all.
        own: the trace of the process alone.
        process: its number among all.
    """
    whole = with_reductions(whole)
    theirs = [one for one in whole.passes if one.process == process]
    passes = tuple(
        replace(
            one,
            accumulations=tuple(
                replace(row, reduced=same.reduced)
                for row, same in zip(one.accumulations, twin.accumulations, strict=True)
            ),
        )
        if any(row.reduced for row in twin.accumulations)
        else one
        for one, twin in zip(own.passes, theirs, strict=True)
    )
    spots = (*own.run.blind_spots, *(spot for spot in whole.run.blind_spots if spot.reason in _OF_ALL))
    run = replace(own.run, blind_spots=tuple(dict.fromkeys(spots)))
    return replace(own, run=run, passes=passes, whole=whole)


def reduction_of(trace: Trace) -> Reduction | None:
    """What ranks made of most of their gradients; None where each kept its own."""
    found = [row.reduced for one in trace.passes for row in one.accumulations if row.reduced is not None]
    return max(dict.fromkeys(found), key=found.count, default=None)
