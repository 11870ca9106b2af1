"""Optimizers whose parameters take no part in any pass, while tensors of the same shapes get the gradients."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.ownership import is_named, lost, owners, reached, received
from gradtrace.diagnosis.evidence.timeline import observed
from gradtrace.model import EventKind, Leaf, OptimizerInfo, Trace


@dataclass(frozen=True, slots=True)
class UnlinkedCopies:
    """An optimizer, its parameters, and the tensors of their shapes that get gradients and that no optimizer holds."""

    optimizer: OptimizerInfo
    originals: tuple[Leaf, ...]
    copies: tuple[Leaf, ...]


@once
def unlinked_copies(trace: Trace) -> tuple[UnlinkedCopies, ...]:
    """Those of the run.

    An original is named, and so still part of the program; a copy has its shape, or is a stack of such.
    """
    owned = owners(trace)
    unreached = {leaf.id for leaf in lost(trace)} - reached(trace)
    stray = [trace.leaves[leaf] for leaf in received(trace) if leaf not in owned]
    shapes = {leaf.shape for leaf in stray} | {leaf.shape[1:] for leaf in stray if leaf.shape}
    held: dict[int, list[Leaf]] = {}
    for leaf in trace.leaves:
        for number in owned.get(leaf.id, ()):
            held.setdefault(number, []).append(leaf)
    stepping = {event.optimizer for event in observed(trace) if event.kind == EventKind.STEP and not event.leaves}
    found = []
    for optimizer in trace.optimizers:
        leaves = held.get(optimizer.id, [])
        is_whole = bool(leaves) and len(leaves) == optimizer.n_params and optimizer.id in stepping
        if is_whole and all(leaf.id in unreached and is_named(leaf) and leaf.shape in shapes for leaf in leaves):
            wanted = {leaf.shape for leaf in leaves}
            copies = tuple(leaf for leaf in stray if leaf.shape in wanted or leaf.shape[1:] in wanted)
            found.append(UnlinkedCopies(optimizer, tuple(leaves), copies))
    return tuple(found)
