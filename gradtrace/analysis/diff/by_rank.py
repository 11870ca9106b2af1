"""Two runs of several ranks side by side, rank by rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradtrace.analysis.diff.first import First, first_divergence
from gradtrace.analysis.diff.runs import Comparison, compare
from gradtrace.model import Trace

ByRank = Mapping[int | None, Trace]
"""The traces of a run by rank; that of a run without ranks by None."""


@dataclass(frozen=True, slots=True)
class RankedComparison:
    """What was compared, rank by rank.

    Attributes:
        comparison: of the rank that parts first, or of the first rank where none does.
        rank: which rank that is; None where a run without ranks was compared.
        firsts: where each rank that both have parts first, None where it does not; empty without ranks.
        only_old: ranks of the old run alone.
        only_new: of the new one alone.
        unranked: `OLD` or `NEW`, where that one ran without ranks and the other with some.
    """

    comparison: Comparison
    rank: int | None = None
    firsts: tuple[tuple[int, First | None], ...] = ()
    only_old: tuple[int, ...] = ()
    only_new: tuple[int, ...] = ()
    unranked: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs, on any rank."""
        others = [first for _, first in self.firsts] or [first_divergence(self.comparison)]
        return not any((*others, self.only_old, self.only_new, self.unranked))


def compare_by_rank(old: ByRank, new: ByRank) -> RankedComparison:
    """Lay two runs side by side, each rank beside its own."""
    common = sorted(rank for rank in old if rank is not None and rank in new)
    if not common:
        first = [min(side, key=lambda rank: -1 if rank is None else rank) for side in (old, new)]
        comparison = compare(old[first[0]], new[first[1]])
        if first[0] == first[1]:
            return RankedComparison(comparison)
        unranked = "OLD" if first[0] is None else "NEW" if first[1] is None else ""
        shown = first[1] if first[0] is None else first[0]
        return RankedComparison(comparison, shown, (), _ranks(old), _ranks(new), unranked)
    found = {rank: compare(old[rank], new[rank]) for rank in common}
    firsts = tuple((rank, first_divergence(one)) for rank, one in found.items())
    shown = min(firsts, key=_when)[0]
    only_old, only_new = (tuple(rank for rank in _ranks(side) if rank not in found) for side in (old, new))
    return RankedComparison(found[shown], shown, firsts, only_old, only_new)


def _ranks(side: ByRank) -> tuple[int, ...]:
    return tuple(sorted(rank for rank in side if rank is not None))


def _when(one: tuple[int, First | None]) -> tuple[float, int]:
    """What sorts ranks by when they part; one that does not comes last."""
    rank, first = one
    if first is None:
        return float("inf"), rank
    return first.pass_index or 1e18, rank
