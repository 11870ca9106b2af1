"""Passes that were begun for something else, such as an attack, and whose gradients a step of an optimizer uses."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.hand_updates import grad_uses_of
from gradtrace.diagnosis.evidence.ownership import owners
from gradtrace.diagnosis.evidence.timeline import passes_by_index
from gradtrace.diagnosis.evidence.used_gradients import Share, Use, uses
from gradtrace.formulas import traits
from gradtrace.model import STORED, BackwardPass, GradUse, StepFact, Trace
from gradtrace.model.location import Line


@dataclass(frozen=True, slots=True)
class ForeignPasses:
    """What a step used besides its own pass.

    Attributes:
        foreign: the passes of another line.
        own: the pass that came last before the step.
        use: where the program read what these passes had been begun for.
        wanted: the leaf that they were begun for, which no optimizer holds.
        leaves: the optimizer's parameters that hold both.
        is_apart: these passes begin in another function than the own one, at another kind of loss, or are several: they
            are no part of what is to be learned. Two losses that are both weighted are parts of one sum.
    """

    step: StepFact
    foreign: Share
    own: Share
    use: GradUse
    wanted: int
    leaves: tuple[int, ...]
    is_apart: bool


@once
def foreign_passes(trace: Trace) -> tuple[ForeignPasses, ...]:
    """By optimizer, the first step that used such passes, where most of its steps do."""
    purposes = _purposes(trace)
    found: dict[int, ForeignPasses] = {}
    n_seen: dict[int, int] = {}
    n_steps: dict[int, int] = {}
    for use in uses(trace):
        optimizer = use.step.optimizer
        n_steps[optimizer] = n_steps.get(optimizer, 0) + 1
        one = _in_step(trace, use, purposes)
        if one is not None:
            n_seen[optimizer] = n_seen.get(optimizer, 0) + 1
            found.setdefault(optimizer, one)
    return tuple(one for optimizer, one in found.items() if 2 * n_seen[optimizer] > n_steps[optimizer])


def _purposes(trace: Trace) -> dict[tuple[int, int], tuple[int, GradUse]]:
    """By pass: the leaf without an optimizer whose gradient the program read before the next pass, and where."""
    owned, read = owners(trace), grad_uses_of(trace)
    by_pass = {
        (use.process, use.pass_index, leaf): use
        for leaf, own in read.items()
        if leaf not in owned
        for use in reversed(own)
    }
    found: dict[tuple[int, int], tuple[int, GradUse]] = {}
    for one in trace.passes if by_pass else ():
        for row in one.accumulations:
            use = by_pass.get((one.process, one.index, row.leaf))
            if use is not None and row.effect in STORED:
                found.setdefault((one.index, one.process), (row.leaf, use))
    return found


def _in_step(trace: Trace, use: Use, purposes: dict[tuple[int, int], tuple[int, GradUse]]) -> ForeignPasses | None:
    passes = passes_by_index(trace)
    found: dict[Line, tuple[Share, Share, int, GradUse]] = {}
    leaves: list[int] = []
    for leaf, shares in use.shares.items():
        own = shares[-1]
        for share in shares[:-1]:
            known = purposes.get((share.last, share.process))
            if known is None or share.written or _stores(passes[own.last, own.process], known[0]):
                continue
            if (own.last, own.process) in purposes:
                continue
            found.setdefault(share.line, (share, own, *known))
            leaves.append(leaf)
    if not found:
        return None
    share, own, wanted, read = next(iter(found.values()))
    begun = passes[share.last, share.process], passes[own.last, own.process]
    functions = {one.location.function for one in begun if one.location is not None}
    losses = set(map(_loss, begun))
    is_sum = len(losses) == 1 and all(traits.of(type_).is_scaling for type_ in next(iter(losses))) and losses != {()}
    is_apart = share.count > 1 or (len(functions) > 1 and not is_sum) or len(losses) > 1
    return ForeignPasses(use.step, share, own, read, wanted, tuple(dict.fromkeys(leaves)), is_apart)


def _loss(one: BackwardPass) -> tuple[str, ...]:
    """The kinds of nodes at which a pass begins."""
    if one.graph is None:
        return ()
    return tuple(one.graph.nodes[root.node].type for root in one.roots if root.node is not None)


def _stores(one: BackwardPass, leaf: int) -> bool:
    return any(row.leaf == leaf and row.effect in STORED for row in one.accumulations)
