"""One rank of a distributed run, seen with the others in mind."""

from __future__ import annotations

from dataclasses import replace

from gradtrace.analysis.once import once
from gradtrace.analysis.reductions import same_step, with_reductions
from gradtrace.errors import UsageError
from gradtrace.model import BackwardPass, Blind, Finding, RecordedProcess, TensorStats, Trace, ranks_in_words

_OF_ALL = frozenset({Blind.RANKS_NOT_RECORDED, Blind.RANK_ENDED, Blind.FILE_CUT})
"""Gaps that name the rank that they are about, or are the whole file's: whoever is shown one rank wants to know."""


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
    of_all = (spot for spot in whole.run.blind_spots if spot.reason in _OF_ALL and not spot.process)
    spots = (*own.run.blind_spots, *of_all)
    run = replace(own.run, blind_spots=tuple(dict.fromkeys(spots)))
    return replace(own, run=run, passes=passes, whole=whole)


def ranks(whole: Trace) -> list[RecordedProcess]:
    """The ranks that were recorded, by their numbers."""
    known = [one for one in whole.run.processes if one.rank is not None]
    return sorted(known, key=lambda one: one.rank or 0)


def step_of(trace: Trace, one: BackwardPass) -> tuple[BackwardPass, ...]:
    """The passes of all ranks that ran together with one of the rank that the trace is of, by rank; none: not known."""
    whole, position = trace.whole, _position(trace, one)
    if whole is None or position is None:
        return ()
    index = whole.passes[position].index
    found = next((step for step in same_step(whole) if any(each.index == index for each in step)), ())
    order = {each.number: each.rank or 0 for each in ranks(whole)}
    return tuple(sorted(found, key=lambda each: order[each.process]))


def added_by_rank(trace: Trace, one: BackwardPass, leaf: int) -> tuple[tuple[str, TensorStats | None], ...]:
    """What each rank added in a pass to the parameter that a leaf of this rank is a copy of: rank, and what came."""
    whole, name = trace.whole, trace.leaves[leaf].name
    found = []
    for each in step_of(trace, one):
        if whole is not None:
            rows = (row for row in each.accumulations if whole.leaves[row.leaf].name == name)
            found.append((whole.run.name_of(each.process), next((row.contribution for row in rows), None)))
    return tuple(found)


def own_finding(trace: Trace, finding: Finding) -> Finding:
    """A finding in the trace of all ranks, as one in that of one rank: with leaves and passes of its own alone."""
    whole, number = trace.whole, _number(trace)
    if whole is None or number is None:
        return finding
    first = next((leaf.id for leaf in whole.leaves if leaf.process == number), 0)
    leaves = (leaf for leaf in finding.leaves if whole.leaves[leaf].process == number)
    theirs = {one.index for one in whole.passes if one.process == number}
    own = own_indices(whole)
    passes = (own[index] for index in finding.passes if index in theirs)
    return replace(finding, leaves=tuple(leaf - first for leaf in leaves), passes=tuple(passes))


def where(trace: Trace, finding: Finding) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """On which ranks a finding was made, and in which passes, by their numbers on their own rank."""
    numbers = {one.number: one.rank for one in trace.run.processes if one.rank is not None}
    of_pass = {one.index: one.process for one in trace.passes}
    own = own_indices(trace)
    processes = {trace.leaves[leaf].process for leaf in finding.leaves if leaf < len(trace.leaves)}
    known = [index for index in finding.passes if index in of_pass]
    processes |= {of_pass[index] for index in known}
    ranks_found = sorted(rank for process in processes if (rank := numbers.get(process)) is not None)
    return tuple(ranks_found), tuple(sorted({own[index] for index in known}))


@once
def own_indices(whole: Trace) -> dict[int, int]:
    """Of each pass, by its index among those of all processes, the index that it has in its own."""
    first: dict[int, int] = {}
    for one in whole.passes:
        first[one.process] = min(one.index, first.get(one.process, one.index))
    return {one.index: one.index - first[one.process] + 1 for one in whole.passes}


def _number(trace: Trace) -> int | None:
    """The number that the rank of a trace has among all."""
    whole, own = trace.whole, trace.run.processes[0] if trace.run.processes else None
    if whole is None or own is None:
        return None
    same = (each.number for each in whole.run.processes if (each.pid, each.rank) == (own.pid, own.rank))
    return next(same, None)


def _position(trace: Trace, one: BackwardPass) -> int | None:
    """Which of the passes of all ranks it is."""
    whole, number = trace.whole, _number(trace)
    if whole is None or number is None:
        return None
    theirs = [place for place, each in enumerate(whole.passes) if each.process == number]
    mine = next((place for place, each in enumerate(trace.passes) if each.index == one.index), None)
    return theirs[mine] if mine is not None and mine < len(theirs) else None
