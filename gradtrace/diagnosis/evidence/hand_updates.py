"""Leaves that the program itself moves, or does not, along what passes add to their `.grad`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from gradtrace.analysis.by_value import found_empty
from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.ownership import owners, zero_leaves
from gradtrace.diagnosis.evidence.timeline import lessened
from gradtrace.model import (
    STORED,
    BackwardPass,
    EventKind,
    GradUse,
    Location,
    Move,
    OptimizerInfo,
    Recorded,
    Trace,
)
from gradtrace.model.location import source_line

_SEVERAL = 2
_LOOP = 3
"""So many passes of one line are a loop."""
_STRAIGHT = 0.99
_SLANTED = 0.5


@dataclass(frozen=True, slots=True)
class PiledUp:
    """Leaves that the program moves along a `.grad` which it never clears.

    Attributes:
        leaves: the leaves.
        again: the second pass that added to what was there.
        passes: indices of all these.
        use: where the program reads their gradients.
        is_straight: each move was a multiple of what `.grad` held then.
    """

    leaves: tuple[int, ...]
    again: BackwardPass
    passes: tuple[int, ...]
    use: Location | None
    is_straight: bool


@once
def moves_of(trace: Trace) -> dict[int, list[Move]]:
    """By leaf: its moves, in order."""
    found: dict[int, list[Move]] = {}
    for move in trace.moves:
        found.setdefault(move.leaf, []).append(move)
    return found


@once
def grad_uses_of(trace: Trace) -> dict[int, list[GradUse]]:
    """By leaf: where the program read its `.grad`, in order."""
    found: dict[int, list[GradUse]] = {}
    for use in trace.grad_uses:
        for leaf in use.leaves:
            found.setdefault(leaf, []).append(use)
    return found


@once
def _additions(trace: Trace) -> dict[int, list[tuple[BackwardPass, bool | None]]]:
    """By leaf without an optimizer that steps: the full passes that added to it, and whether they found nothing."""
    moved = moves_of(trace)
    found: dict[int, list[tuple[BackwardPass, bool | None]]] = {}
    for one in trace.passes:
        if one.recorded == Recorded.FULL and not one.is_drawn_only:
            for row in one.accumulations:
                if row.leaf in moved and row.effect in STORED:
                    found.setdefault(row.leaf, []).append((one, found_empty(one, row)))
    return found


@once
def piled_up(trace: Trace) -> PiledUp | None:
    """The leaves of the run that pile up so."""
    moved, uses = moves_of(trace), grad_uses_of(trace)
    found: list[int] = []
    again: list[tuple[BackwardPass, bool | None]] = []
    is_straight = True
    for leaf, additions in _additions(trace).items():
        own = [move for move in moved[leaf] if move.change]
        if len(own) < _SEVERAL or len(additions) <= _SEVERAL or any(empty is not False for _, empty in additions[1:]):
            continue
        if _is_lessened(trace, leaf, [one.index for one, _ in additions]):
            continue
        along = [abs(move.along) for move in own if move.along is not None]
        if len(along) < len(own) or min(along) < _SLANTED:
            continue
        found.append(leaf)
        is_straight = is_straight and min(along) > _STRAIGHT
        again = again or additions[1:]
    if not found:
        return None
    use = next((use.location for leaf in found for use in uses.get(leaf, ())), None)
    return PiledUp(tuple(found), again[0][0], tuple(one.index for one, _ in again), use, is_straight)


def _is_lessened(trace: Trace, leaf: int, passes: list[int]) -> bool:
    """Whether the program makes `.grad` smaller between any two of these passes: a momentum that is kept there."""
    after = _lessened_after(trace).get(leaf, [])
    return all(bisect_left(after, one) < bisect_left(after, following) for one, following in pairwise(passes))


@once
def _lessened_after(trace: Trace) -> dict[int, list[int]]:
    """By leaf: after which passes a line of the program has made its `.grad` smaller, in order."""
    found: dict[int, list[int]] = {}
    for event in trace.events:
        for leaf in lessened(event):
            found.setdefault(leaf, []).append(event.pass_index)
    return {leaf: sorted(indices) for leaf, indices in found.items()}


@dataclass(frozen=True, slots=True)
class NeverStepped:
    """An optimizer whose `step` the program never called, while passes gave its parameters gradients.

    Attributes:
        leaves: these parameters, none of which moved.
        backward: the first of these passes.
        n_passes: how many they are.
        is_read: the program reads these gradients itself, or others that these passes left, or only measured them.
    """

    optimizer: OptimizerInfo
    leaves: tuple[int, ...]
    backward: BackwardPass
    n_passes: int
    is_read: bool


@once
def never_stepped(trace: Trace) -> tuple[NeverStepped, ...]:
    """Those of a run that came to its end."""
    if trace.run.error is not None or not trace.run.complete or any(one.error is not None for one in trace.passes):
        return ()
    stepping = {event.optimizer for event in trace.events if event.kind == EventKind.STEP}
    waiting = {one.id for one in trace.optimizers if one.id not in stepping}
    held: dict[int, list[int]] = {}
    for leaf, ids in owners(trace).items():
        for number in ids & waiting:
            held.setdefault(number, []).append(leaf)
    moved, uses, additions, quiet = moves_of(trace), grad_uses_of(trace), _additions(trace), zero_leaves(trace)
    found = []
    for number, leaves in held.items():
        known = [leaf for leaf in leaves if leaf in additions and leaf not in quiet]
        seen = {one.index: one for leaf in known for one, _ in additions[leaf]}
        lines = Counter(source_line(one.location) for one in seen.values())
        stays = known and all(len(moved[leaf]) > 1 and not any(move.change for move in moved[leaf]) for leaf in known)
        if not stays or max(lines.values()) < _LOOP:
            continue
        first = seen[min(seen)]
        n_passes = sum(one.count for one in trace.passes if source_line(one.location) == source_line(first.location))
        is_read = any(leaf in uses for leaf in known) or _is_other_read(seen, uses) or _is_measured(trace, set(known))
        found.append(NeverStepped(trace.optimizers[number], tuple(known), first, n_passes, is_read))
    return tuple(found)


def _is_other_read(passes: dict[int, BackwardPass], uses: dict[int, list[GradUse]]) -> bool:
    """Whether the program reads another gradient that one of some passes left, such as that of an input."""
    return any(
        use.pass_index == index and use.process == one.process
        for index, one in passes.items()
        for row in one.accumulations
        if row.effect in STORED
        for use in uses.get(row.leaf, ())
    )


def _is_measured(trace: Trace, leaves: set[int]) -> bool:
    """Whether gradients were clipped at norms that none of them reached: the norm itself was wanted."""
    clips = [event for event in trace.events if event.is_clipping and not leaves.isdisjoint(event.leaves)]
    writes = [write for event in clips for write in event.writes]
    return bool(writes) and all(write.stays for write in writes)


@dataclass(frozen=True, slots=True)
class LostUpdate:
    """A line that computes what a leaf should become, and gives it to the loop's own variable only."""

    use: GradUse
    leaves: tuple[int, ...]


@once
def lost_updates(trace: Trace) -> tuple[LostUpdate, ...]:
    """By line: those whose leaves never moved."""
    moved = moves_of(trace)
    found: dict[tuple[str, int], tuple[GradUse, dict[int, None], int]] = {}
    for use in trace.grad_uses:
        if use.in_vain is not None and use.location is not None:
            key = use.location.source_line
            first, leaves, count = found.get(key, (use, {}, 0))
            leaves.update(dict.fromkeys(use.leaves))
            found[key] = (first, leaves, count + 1)
    return tuple(
        LostUpdate(use, tuple(leaves))
        for use, leaves, count in found.values()
        if count >= _SEVERAL and all(moved.get(leaf) and not any(one.change for one in moved[leaf]) for leaf in leaves)
    )
