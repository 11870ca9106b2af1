"""Two runs side by side: what belongs together, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gradtrace.analysis.diff.graphs import PassPair, pair_up
from gradtrace.analysis.diff.happenings import Happenings, between, happenings
from gradtrace.analysis.diff.numbers import alike
from gradtrace.analysis.diff.sequences import align
from gradtrace.analysis.ledger import Verdict, ledger
from gradtrace.analysis.ranks import own_indices
from gradtrace.model import Accumulation, BackwardPass, Cut, Finding, Leaf, Location, OptimizerInfo, Trace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LeafChange:
    """What two passes that belong together added to one leaf; None where one of them knows nothing of it."""

    name: str
    old: Accumulation | None
    new: Accumulation | None


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """Leaves, by name, whose `.grad` had another history."""

    names: tuple[str, ...]
    old: Verdict
    new: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes:
        passes: those recorded in full that belong together, in the order in which their processes ran them.
        happenings: before each of these, and after the last.
        leaves: ids of leaves that belong together.
        lost: leaves of the old run alone.
        found: of the new one alone.
        gradients: for each pair of passes the leaves to which they added something else.
        histories: verdicts over the whole runs that differ.
        optimizers: those that belong together by order and differ in type or in how much they hold; None for none.
        cuts_old: places where a value left the graph in the old run only.
        cuts_new: in the new one only.
        findings_old: what a diagnosis found in the old run only.
        findings_new: in the new one only.
    """

    old: Trace
    new: Trace
    passes: tuple[PassPair, ...]
    happenings: tuple[Happenings, ...]
    leaves: tuple[tuple[int, int], ...]
    lost: tuple[Leaf, ...]
    found: tuple[Leaf, ...]
    gradients: tuple[tuple[LeafChange, ...], ...]
    histories: tuple[HistoryChange, ...]
    optimizers: tuple[tuple[OptimizerInfo | None, OptimizerInfo | None], ...]
    cuts_old: tuple[Cut, ...]
    cuts_new: tuple[Cut, ...]
    findings_old: tuple[Finding, ...]
    findings_new: tuple[Finding, ...]

    @property
    def is_comparable(self) -> bool:
        """Whether anything could be laid side by side: passes recorded in full, or leaves."""
        return bool(self.passes or self.leaves)


def compare(old: Trace, new: Trace) -> Comparison:
    """Lay two runs side by side."""
    leaves, lost, found = _leaves(old, new)
    in_order = tuple(pair_up(a, b, (old.leaves, new.leaves)) for a, b in _passes(old, new))
    before = tuple(_between(old, new, in_order))
    own = own_indices(new)
    in_time = sorted(range(len(in_order)), key=lambda at: own[in_order[at].new.index])
    passes = tuple(in_order[at] for at in in_time)
    cuts_old, cuts_new = _unpaired(old.cuts, new.cuts, _cut_key)
    findings_old, findings_new = _unpaired(old.findings, new.findings, lambda one: (one.rule, _text(one.location)))
    return Comparison(
        old,
        new,
        passes,
        (*(before[at] for at in in_time), before[-1]),
        leaves,
        lost,
        found,
        tuple(tuple(_leaf_changes(pair, leaves, old.leaves)) for pair in passes),
        tuple(_histories(old, new, leaves)),
        tuple(_optimizers(old, new)),
        cuts_old,
        cuts_new,
        findings_old,
        findings_new,
    )


def _text(place: Location | None) -> str:
    return place.text.strip() if place is not None else ""


def _passes(old: Trace, new: Trace) -> Iterator[tuple[BackwardPass, BackwardPass]]:
    """Passes with graphs, by the text of the line that starts them; of one line, in order."""
    sides = [[one for one in trace.passes if one.graph is not None] for trace in (old, new)]
    keys: list[list[Hashable]] = [[(one.call, _text(one.location), one.process) for one in side] for side in sides]
    if set(keys[0]).isdisjoint(keys[1]):  # the very line that calls backward was rewritten
        keys = [[one.process for one in side] for side in sides]
    yield from ((sides[0][a], sides[1][b]) for a, b in align(*keys))


def _leaves(old: Trace, new: Trace) -> tuple[tuple[tuple[int, int], ...], tuple[Leaf, ...], tuple[Leaf, ...]]:
    """Leaves of one name and process, in order; and those that only one run has."""
    keys = [[(leaf.name, leaf.process) for leaf in trace.leaves] for trace in (old, new)]
    by_name: dict[Hashable, list[int]] = {}
    for at, key in enumerate(keys[1]):
        by_name.setdefault(key, []).append(at)
    pairs = []
    for at, key in enumerate(keys[0]):
        if by_name.get(key):
            pairs.append((at, by_name[key].pop(0)))
    paired = [{pair[side] for pair in pairs} for side in (0, 1)]
    lost, found = (
        tuple(leaf for leaf in trace.leaves if leaf.id not in ids)
        for trace, ids in zip((old, new), paired, strict=True)
    )
    return tuple(pairs), lost, found


def _between(old: Trace, new: Trace, passes: Sequence[PassPair]) -> Iterator[Happenings]:
    """What happened before each of the pairs of passes, and after the last of them until the next pass."""
    last_old = last_new = 0
    for pair in passes:
        yield happenings(between(old, last_old, pair.old.index - 1), between(new, last_new, pair.new.index - 1))
        last_old, last_new = pair.old.index, pair.new.index
    yield happenings(between(old, last_old, last_old), between(new, last_new, last_new))


def _leaf_changes(pair: PassPair, leaves: Sequence[tuple[int, int]], named: Sequence[Leaf]) -> Iterator[LeafChange]:
    """The leaves to which two passes added something else, in the order of the old run."""
    old = {row.leaf: row for row in pair.old.accumulations}
    new = {row.leaf: row for row in pair.new.accumulations}
    for a, b in leaves:
        before, after = old.get(a), new.get(b)
        if before is None and after is None:
            continue
        has = [row is not None and row.contribution is not None for row in (before, after)]
        if before is None or after is None:
            if any(has):
                yield LeafChange(named[a].name, before, after)
        elif has[0] != has[1] or not alike(before.contribution, after.contribution):
            yield LeafChange(named[a].name, before, after)


def _histories(old: Trace, new: Trace, leaves: Sequence[tuple[int, int]]) -> Iterator[HistoryChange]:
    """Verdicts that differ, the leaves of which they are true together."""
    verdicts = ledger(old).verdicts, ledger(new).verdicts
    found: dict[Hashable, tuple[list[str], Verdict, Verdict]] = {}
    for a, b in leaves:
        before, after = verdicts[0][a], verdicts[1][b]
        keys = _verdict_key(before), _verdict_key(after)
        if keys[0] != keys[1]:
            found.setdefault(keys, ([], before, after))[0].append(old.leaves[a].name)
    yield from (HistoryChange(tuple(names), before, after) for names, before, after in found.values())


def _verdict_key(one: Verdict) -> Hashable:
    """What a verdict says, without where: lines move from one version of a program to the next."""
    acting = tuple(tuple(actor.call for actor in actors) for actors in (one.clearers, one.steppers, one.modifiers))
    return one.pattern, one.n_passes, one.window, one.n_steps, one.n_modified, one.n_zero_rates, acting


def _optimizers(old: Trace, new: Trace) -> Iterator[tuple[OptimizerInfo | None, OptimizerInfo | None]]:
    n = max(len(old.optimizers), len(new.optimizers))
    for at in range(n):
        a, b = (trace.optimizers[at] if at < len(trace.optimizers) else None for trace in (old, new))
        if a is None or b is None or (a.type, a.n_params) != (b.type, b.n_params):
            yield a, b


def _cut_key(cut: Cut) -> Hashable:
    return cut.kind, cut.call, _text(cut.location)


def _unpaired(old: Sequence[T], new: Sequence[T], key: Callable[[T], Hashable]) -> tuple[tuple[T, ...], tuple[T, ...]]:
    pairs = align([key(one) for one in old], [key(one) for one in new])
    paired_old, paired_new = {a for a, _ in pairs}, {b for _, b in pairs}
    return (
        tuple(one for at, one in enumerate(old) if at not in paired_old),
        tuple(one for at, one in enumerate(new) if at not in paired_new),
    )
