"""What ranks made together of their gradients: found by comparing what each of them measured, never assumed.

Data parallel training adds up in `.grad` what one rank computed, and then puts the average over all ranks in its place.
A pass of one rank alone does not show that: its `.grad` is not the sum of what came. Over all ranks it is the average
or the sum of those, and where each rank keeps a part, the parts together are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, prod, sqrt

from gradtrace.analysis.elements import elements_of
from gradtrace.analysis.fan_in import adds_up
from gradtrace.analysis.once import once
from gradtrace.analysis.training_steps import inner
from gradtrace.model import STORED, Accumulation, BackwardPass, Reduction, ReductionKind, TensorStats, Trace

_TOLERANCES = {"float64": 1e-7, "float16": 5e-3, "bfloat16": 3e-2}
_TOLERANCE = 1e-4
"""Relative to the largest element, of sums of float32 in another order."""

Place = tuple[int, int]
"""The index of a pass, and a leaf."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What can be added up of a tensor: its elements, or their sum.

    Attributes:
        numbers: the elements, or one number: their sum.
        is_sum: it is the sum.
        size: how large an error of rounding may be, relative to the tolerance.
    """

    numbers: tuple[complex, ...]
    is_sum: bool
    size: float


def with_reductions(trace: Trace) -> Trace:
    """The trace with `Accumulation.reduced` where ranks reduced their gradients; the same where there is one rank."""
    if not trace.run.has_ranks:
        return trace
    found = dict(_reductions(trace))
    if not found:
        return trace
    return replace(trace, passes=tuple(_reduced(one, found) for one in trace.passes))


@once
def same_step(trace: Trace) -> tuple[tuple[BackwardPass, ...], ...]:
    """The passes that ranks ran together: the n-th that each started from one line, of those that fill `.grad`.

    Only where every rank has one; in the order of the first rank.
    """
    ranks = [one.number for one in trace.run.processes if one.rank is not None]
    aside = inner(trace)
    by_rank: dict[int, dict[tuple[object, ...], BackwardPass]] = {rank: {} for rank in ranks}
    n_before: dict[tuple[int, tuple[object, ...]], int] = {}
    for one in trace.passes:
        is_outer = one.index not in aside and not one.is_drawn_only and one.parent is None
        if one.process in by_rank and is_outer and any(row.effect in STORED for row in one.accumulations):
            place = one.location
            site = (place.file, place.line) if place is not None else ()
            n_before[one.process, site] = number = n_before.get((one.process, site), -1) + 1
            by_rank[one.process][*site, number] = one
    return tuple(
        tuple(own[key] for own in by_rank.values())
        for key in (by_rank[ranks[0]] if ranks else ())
        if all(key in own for own in by_rank.values())
    )


def _reduced(one: BackwardPass, found: dict[Place, Reduction]) -> BackwardPass:
    if not any((one.index, row.leaf) in found for row in one.accumulations):
        return one
    rows = (replace(row, reduced=found.get((one.index, row.leaf))) for row in one.accumulations)
    return replace(one, accumulations=tuple(rows))


def _reductions(trace: Trace) -> Iterator[tuple[Place, Reduction]]:
    """By pass and leaf what was found; parameters of different ranks belong together by their names."""
    for step in same_step(trace):
        named = [{trace.leaves[row.leaf].name: row for row in one.accumulations} for one in step]
        for name in dict.fromkeys(name for rows in named for name in rows):
            reduction = _reduction([rows.get(name) for rows in named])
            if reduction is None:
                continue
            for one, rows in zip(step, named, strict=True):
                if name in rows and rows[name].after is not None:
                    yield (one.index, rows[name].leaf), reduction


def _reduction(rows: Sequence[Accumulation | None]) -> Reduction | None:
    """What became of the gradients of a parameter, by rank; None where each rank kept its own, or too little is known.

    A rank that did not use the parameter added nothing: it counts, with zeros.
    """
    known = [row for row in rows if row is not None and row.contribution is not None and row.after is not None]
    if not known or not any(_is_changed(row) for row in known):
        return None
    is_sharded = any(_is_part(row) for row in known)
    if is_sharded and len(known) < len(rows):
        return None
    after = [row.after for row in rows if row is not None and row.after is not None]
    if not is_sharded and not _are_equal(after):
        return None
    n = len(rows)
    how = _how(known, n, is_sharded=is_sharded)
    if how is None and (is_sharded or len(known) < n):
        return None
    return Reduction(how or ReductionKind.EQUAL, n, is_sharded)


def _is_changed(row: Accumulation) -> bool:
    return _is_part(row) or adds_up(row) is False


def _is_part(row: Accumulation) -> bool:
    """Whether what is left in `.grad` is a part of what came."""
    return row.contribution is not None and row.after is not None and row.contribution.numel != row.after.numel


def _is_smaller(one: TensorStats | None, other: TensorStats | None) -> bool:
    return one is not None and other is not None and one.numel < other.numel


def _are_equal(many: Sequence[TensorStats]) -> bool:
    """Whether several tensors are the same, as far as was measured."""
    first = many[0]
    tolerance = _TOLERANCES.get(first.dtype, _TOLERANCE)
    if any(one.shape != first.shape for one in many):
        return False
    rows = [elements_of(one) for one in many]
    if all(row is not None for row in rows):
        whole = [row for row in rows if row is not None]
        size = max((abs(number) for row in whole for number in row), default=0.0)
        return all(abs(a - b) <= tolerance * size for row in whole for a, b in zip(row, whole[0], strict=True))
    norms = [one.norm for one in many if one.norm is not None and isfinite(one.norm)]
    return len(norms) == len(many) and max(norms) - min(norms) <= tolerance * max(norms)


def _how(rows: Sequence[Accumulation], n_ranks: int, *, is_sharded: bool) -> ReductionKind | None:
    """By which sum what is left arose from what the ranks had; None where too little was measured to tell."""
    came = [_numbers(row.contribution) for row in rows]
    after = [_numbers(row.after) for row in (rows if is_sharded else rows[:1])]
    before = [_numbers(row.before) for row in rows if row.before is not None]
    everything = [*came, *after, *before]
    if any(one is None for one in everything) or len({one.is_sum for one in everything if one is not None}) > 1:
        came, after, before = ([_sum_of(one) for one in many] for many in (came, after, before))
    left = _together([one for one in after if one is not None], is_sharded=is_sharded)
    local = [one for one in came if one is not None]
    held = [one for one in before if one is not None]
    if len(local) < len(rows) or left is None or len(held) < len(before):
        return None
    size = max(one.size for one in (left, *local, *held))
    tolerance = _TOLERANCES.get(rows[0].contribution.dtype if rows[0].contribution else "", _TOLERANCE) * size
    total = _added(local)
    is_kept = is_sharded and all(_is_smaller(row.before, row.contribution) for row in rows)
    kept = _together(held, is_sharded=True) if is_kept and held else None
    if total is None or (not is_kept and held and _added(held) is None):
        return None
    for how, share in ((ReductionKind.AVERAGED, 1 / n_ranks), (ReductionKind.SUMMED, 1.0)):
        # Without shards what the ranks held from passes before is reduced with the rest, unless it was already.
        for is_held_reduced in (False, True) if held else (False,):
            expected = _expected(total, kept, held, share, is_held_reduced=is_held_reduced)
            if expected is not None and _is_near(left.numbers, expected, tolerance):
                return how
    return None


def _expected(
    total: tuple[complex, ...],
    kept: _Numbers | None,
    held: Sequence[_Numbers],
    share: float,
    *,
    is_held_reduced: bool,
) -> tuple[complex, ...] | None:
    """What would be left by a reduction.

    Args:
        total: what came, added up over the ranks.
        kept: what the ranks held before, together, where that was a part of the parameter each.
        held: what each of the ranks held before.
        share: the factor of the sum: 1 over the number of ranks for an average.
        is_held_reduced: what the ranks held is the same on all and stays; only what came is reduced.
    """
    reduced = tuple(share * number for number in total)
    if not held:
        return reduced
    if kept is not None:
        more: tuple[complex, ...] | None = kept.numbers
    elif is_held_reduced:
        more = held[0].numbers
    else:
        sums = _added(held)
        more = None if sums is None else tuple(share * number for number in sums)
    if more is None or len(more) != len(reduced):
        return None
    return tuple(a + b for a, b in zip(reduced, more, strict=True))


def _is_near(found: tuple[complex, ...], expected: tuple[complex, ...], tolerance: float) -> bool:
    if len(found) < len(expected):
        return False
    padding = found[len(expected) :]  # the parts of a flat parameter are of one size
    if any(abs(one) > tolerance for one in padding):
        return False
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=False))


def _numbers(stats: TensorStats | None) -> _Numbers | None:
    """The elements where all are known, else their sum."""
    if stats is None:
        return None
    elements = elements_of(stats)
    if elements is None:
        return _sum_of_stats(stats)
    return _Numbers(tuple(elements), is_sum=False, size=max(map(abs, elements), default=0.0))


def _sum_of_stats(stats: TensorStats) -> _Numbers | None:
    if stats.mean is None or stats.norm is None or not isfinite(stats.norm):
        return None
    return _Numbers((stats.mean * stats.numel,), is_sum=True, size=stats.norm * sqrt(max(1, prod(stats.shape))))


def _sum_of(one: _Numbers | None) -> _Numbers | None:
    if one is None or one.is_sum:
        return one
    return _Numbers((sum(one.numbers),), is_sum=True, size=one.size * max(1, len(one.numbers)))


def _together(parts: Sequence[_Numbers], *, is_sharded: bool) -> _Numbers | None:
    """Of shards all, one after another; else the first, which the others equal."""
    if not parts:
        return None
    if not is_sharded:
        return parts[0]
    if parts[0].is_sum:
        return _Numbers((sum(one.numbers[0] for one in parts),), is_sum=True, size=max(one.size for one in parts))
    numbers = tuple(number for one in parts for number in one.numbers)
    return _Numbers(numbers, is_sum=False, size=max(one.size for one in parts))


def _added(many: Sequence[_Numbers]) -> tuple[complex, ...] | None:
    if len({len(one.numbers) for one in many}) != 1:
        return None
    return tuple(sum(numbers) for numbers in zip(*(one.numbers for one in many), strict=True))
