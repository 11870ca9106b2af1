"""Why a leaf has the gradient that it has, or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from gradtrace.analysis.paths import is_zero
from gradtrace.analysis.reasons_answer import Reason, Subject
from gradtrace.analysis.reasons_case import Case, LeafNodes, case_of, switches
from gradtrace.analysis.reasons_cut import cut_reason
from gradtrace.analysis.reasons_lost import lost, nearest_place
from gradtrace.analysis.source_slice import is_shown
from gradtrace.analysis.training_steps import inner
from gradtrace.model import (
    CLEARING,
    STORED,
    Accumulation,
    BackwardPass,
    Cut,
    CutKind,
    Effect,
    Event,
    EventKind,
    GradSwitch,
    Leaf,
    ModuleFactKind,
    ObservationKind,
    OptimizerInfo,
    PassCall,
    Recorded,
    SwitchKind,
    Trace,
)

_KEY = re.compile(r"\[['\"]([^'\"]+)['\"]\]$")


def leaf_subject(trace: Trace, leaf: Leaf, nodes: LeafNodes, *, has_ways: bool = True) -> Subject:
    """The answer for one leaf: the first reason that applies."""
    case = case_of(trace, leaf, nodes, has_ways=has_ways)
    subject = next(found for reason in _REASONS for found in [reason(case)] if found is not None)
    facts = (
        one for one in trace.module_facts if one.kind == ModuleFactKind.UNREGISTERED_MODULES and leaf.id in one.leaves
    )
    subject = replace(subject, unregistered=next(facts, None))
    if subject.reason in (Reason.GRADIENT, Reason.CLEARED):
        return subject
    read = (event.location for event in trace.events if event.kind == EventKind.GRAD_READ and leaf.id in event.leaves)
    return replace(subject, error=trace.run.error, read=next(read, None))


def _arrived(case: Case) -> Subject | None:
    """A pass added something that is not zero."""
    found = [(one, row) for one, row in case.rows if row.contribution is not None and not is_zero(row.contribution)]
    stored = [(one, row) for one, row in found if row.effect in STORED]
    if not stored:
        # Of a pass that was only counted it is known that it added something, and not what.
        unmeasured = [(one, row) for one, row in case.rows if row.contribution is None and row.effect in STORED]
        stored = [] if any(is_zero(row.contribution) for _, row in case.rows) else unmeasured
    if not stored:
        return _returned(case, found)
    one, row = min(stored, key=lambda pair: pair[0].recorded != Recorded.FULL)
    node = case.node(one)
    added, missed = _passes(case)
    clearing = _cleared_unread(case, stored)
    owners = tuple(owner for owner in case.trace.optimizers if owner.id in case.leaf.optimizers)
    return case.subject(
        Reason.CLEARED if clearing else Reason.GRADIENT,
        node=node,
        backward=one,
        gradient=row.contribution,
        before=row.before,
        after=row.after,
        place=clearing[0].location if clearing else one.location,
        events=clearing,
        ways=case.ways(one),
        passes=added,
        missed=missed,
        cuts=tuple(cut for cut in case.cuts if cut.passes),
        owners=owners,
        orphaned_by=None if owners else _stepped(case),
        frozen_by=_frozen_later(case, missed),
    )


def _frozen_later(case: Case, missed: tuple[int, ...]) -> Event | None:
    """What switched its `requires_grad` off for good, so that later passes went by."""
    told = switches(case)
    off = next((event for event in told if event.requires_grad is False), None)
    if off is None or any(event.requires_grad and event.order > off.order for event in told):
        return None
    return off if missed and missed[-1] > off.pass_index else None


def _passes(case: Case) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """All passes of the run that added to the leaf, and those that did not reach it, counted ones included."""
    added: list[int] = []
    missed: list[int] = []
    rows = {one.index: row for one, row in case.rows}
    for one in case.passes:
        row = rows.get(one.index)
        if row is not None and row.effect in STORED and not (row.contribution and is_zero(row.contribution)):
            added += range(one.index, one.index + one.count)
        elif one.call != PassCall.AUTOGRAD_GRAD and not (row and row.effect in {*STORED, Effect.NOT_STORED}):
            missed += range(one.index, one.index + one.count)
    return tuple(added), tuple(missed)


def _returned(case: Case, found: list[tuple[BackwardPass, Accumulation]]) -> Subject | None:
    if not found:
        return None
    one, row = found[0]
    node = case.node(one)
    return case.subject(
        Reason.NOT_STORED,
        node=node,
        backward=one,
        gradient=row.contribution,
        place=one.location,
        ways=case.ways(one),
        passes=tuple(each.index for each, _ in found),
    )


def _cleared_unread(case: Case, stored: list[tuple[BackwardPass, Accumulation]]) -> tuple[Event, ...]:
    """The first clearing after each pass, if the leaf's optimizers step and never find anything to read."""
    own = [
        event
        for event in case.trace.events
        if event.process == case.leaf.process
        and (case.leaf.id in event.leaves or (not event.leaves and event.optimizer in case.leaf.optimizers))
    ]
    steps = [event for event in own if event.kind == EventKind.STEP]
    if not steps:
        return ()
    acting = [event for event in own if event.kind in CLEARING or event.kind == EventKind.STEP]
    found: dict[object, Event] = {}
    for one, _ in stored:
        first, second = [*(event for event in acting if event.pass_index >= one.index), None, None][:2]
        # A closure clears and runs backward inside of step(): then more passes follow before step() is over.
        if first is None or second is None or first.kind == EventKind.STEP or second.kind != EventKind.STEP:
            return ()
        if second.pass_index != first.pass_index:
            return ()
        found.setdefault((first.call, first.location), first)
    return (*found.values(), steps[0])


def _stepped(case: Case) -> OptimizerInfo | None:
    """An optimizer that stepped, and leaves this one alone."""
    stepping = {event.optimizer for event in case.trace.events if event.kind == EventKind.STEP}
    return next((one for one in case.trace.optimizers if one.id in stepping and one.process == case.leaf.process), None)


def _zero(case: Case) -> Subject | None:
    """What arrived is exactly zero: where it became so."""
    found = [(one, row) for one, row in case.rows if is_zero(row.contribution)]
    if not found:
        return None
    one, row = min(found, key=lambda pair: pair[0].recorded != Recorded.FULL)
    node = case.node(one)
    common = {
        "node": node,
        "backward": one,
        "gradient": row.contribution,
        "passes": tuple(each.index for each, _ in found),
    }
    if node is None:
        return case.subject(Reason.ZERO, place=one.location, **common)
    return lost(case.subject(Reason.ZERO, **common), one, node)


def _frozen(case: Case) -> Subject | None:
    if case.leaf.requires_grad:
        return None
    events = tuple(event for event in switches(case) if event.requires_grad is False)
    place = events[-1].location if events else case.leaf.location
    return case.subject(
        Reason.FROZEN, place=place, events=events[-1:], backward=case.passes[0] if case.passes else None
    )


def _in_graph(case: Case) -> Subject | None:
    """Part of a graph, and nothing came."""
    # A gradient for a loss (`autograd.grad`) asks for what it needs: only the passes that store can leave one out.
    inside = inner(case.trace)
    storing = [one for one in case.passes if one.call != PassCall.AUTOGRAD_GRAD and one.graph is not None]
    for one in storing or [one for one in case.passes if one.index not in inside]:
        node = case.node(one)
        if node is None or one.graph is None:
            continue
        if one.error is not None:
            return _failed_in(case, one, node)
        sent = [edge for edge in one.graph.edges if edge.target == node]
        ran = [edge for edge in sent if one.graph.nodes[edge.source].order is not None]
        if one.graph.nodes[node].order is None and (not ran or one.call == PassCall.AUTOGRAD_GRAD):
            return case.subject(Reason.NOT_ASKED, node=node, backward=one, place=one.location)
        found = lost(case.subject(Reason.NOT_SENT, node=node, backward=one), one, node)
        return found if found.reason is Reason.NOT_SENT else replace(found, reason=Reason.NOT_SENT)
    return None


def _failed_in(case: Case, one: BackwardPass, node: int | None) -> Subject:
    culprit = one.error.node if one.error is not None else None
    if one.graph is not None and culprit is not None:
        culprit = nearest_place(one.graph, culprit)
    place = one.graph.nodes[culprit].location if one.graph is not None and culprit is not None else None
    return case.subject(Reason.FAILED, node=node, backward=one, culprit=culprit, place=place or one.location)


def _switched_on(case: Case) -> Subject | None:
    """It was made to require grad after the forward pass had used it: it never did before, and one pass followed."""
    told = switches(case)
    events = [event for event in told if event.requires_grad]
    if not events or told[0].requires_grad is False:
        return None
    later = sum(one.count for one in case.passes if one.index > events[-1].pass_index)
    if later > 1:
        return None
    one = case.passes[0] if case.passes else None
    return case.subject(Reason.SWITCHED_ON, place=events[-1].location, events=tuple(events[-1:]), backward=one)


def _assigned(case: Case) -> Subject | None:
    events = [
        event for event in case.trace.events if event.kind == EventKind.GRAD_MODIFIED and case.leaf.id in event.leaves
    ]
    return case.subject(Reason.ASSIGNED, place=events[0].location, events=tuple(events[:1])) if events else None


def _no_pass(case: Case) -> Subject | None:
    if case.passes:
        return None
    steps = tuple(event for event in case.trace.events if event.kind == EventKind.STEP)[:1]
    place = steps[0].location if steps else None
    error = case.trace.run.error
    if place is None and error is not None and error.frames:
        place = error.frames[-1]
    return case.subject(Reason.NO_BACKWARD, place=place, events=steps)


def _all_failed(case: Case) -> Subject | None:
    failed = [one for one in case.passes if one.error is not None]
    return _failed_in(case, failed[0], None) if len(failed) == len(case.passes) else None


def _outside(case: Case) -> Subject:
    """It is in no graph: whether anything of its module is."""
    module = case.leaf.name.rpartition(".")[0]
    full = [one for one in case.passes if one.graph is not None]
    inside = inner(case.trace)
    for one in full:
        if one.index in inside and case.node(one) is not None:
            return case.subject(Reason.DERIVED_AWAY, backward=one, place=one.location, node=case.node(one))
    for one in full:
        for node in one.graph.nodes if one.graph is not None else ():
            if module and node.leaf is None and node.module == module:
                return case.subject(
                    Reason.UNUSED,
                    backward=one,
                    place=node.location,
                    culprit=node.id,
                    replaced_by=_in_its_place(case, one),
                )
    one_pass = next((one for one in full if one.call != PassCall.AUTOGRAD_GRAD), full[0] if full else case.passes[0])
    sibling = _sibling(one_pass, module)
    place = case.leaf.location or one_pass.location
    if sibling is not None and one_pass.graph is not None:
        place = one_pass.graph.nodes[sibling].location
    cuts = (*_of_unknown_origin(case, one_pass), *_of_every_pass(case))
    if cuts:
        place, sibling = cuts[0].location, None
    switch = None if cuts else _switched_off(case)
    if switch is not None and switch.location is not None:
        place, sibling = switch.location, None
    return case.subject(
        Reason.OUTSIDE,
        backward=one_pass,
        place=place,
        cuts=cuts,
        culprit=sibling,
        switch=switch,
        replaced_by=_in_its_place(case, one_pass),
    )


def _of_every_pass(case: Case) -> list[Cut]:
    """Cuts that may explain why each pass went by: one that happened less often than passes ran cannot."""
    inside = inner(case.trace)
    n_passes = sum(one.count for one in case.passes if one.index not in inside)
    beside = case.leaf.name.rpartition(".")[0].rpartition(".")[0]
    found = [*case.cuts, *(cut for cut in case.trace.cuts if beside and _is_run_beside(case, cut, beside))]
    return [cut for cut in found if cut.count >= n_passes and not is_shown(cut.location) and not _is_copy(cut)]


def _is_copy(cut: Cut) -> bool:
    """Whether only leaves were detached there, and what came of it never came back: wrappers keep such copies."""
    return cut.kind == CutKind.DETACH and cut.is_of_leaves and cut.reentry is None and not cut.passes


def _is_run_beside(case: Case, cut: Cut, parent: str) -> bool:
    """Whether a part of the same module ran there without gradients: of a line only the first leaves are known."""
    if cut.kind not in (CutKind.NO_GRAD, CutKind.INFERENCE_MODE) or cut.process != case.leaf.process:
        return False
    return any(case.trace.leaves[leaf].name.startswith(f"{parent}.") for leaf in cut.leaves)


def _switched_off(case: Case) -> GradSwitch | None:
    """What switched gradients off for operations on tensors that require them, where nobody knows on which."""
    return next(
        (
            seen.switch
            for seen in case.trace.run.observations
            if seen.kind == ObservationKind.OPS_WITHOUT_GRAD
            and seen.switch is not None
            and seen.switch.kind == SwitchKind.CHECKPOINT
        ),
        None,
    )


def _in_its_place(case: Case, one: BackwardPass) -> Leaf | None:
    """A leaf of the graph that bears the name of this one, in a container of the program's: `params['fc.weight']`."""
    for number in case.nodes.get(one.index, {}):
        other = case.trace.leaves[number]
        key = _KEY.search(other.name)
        if key is not None and f".{case.leaf.name}".endswith(f".{key[1]}"):
            return other
    return None


def _of_unknown_origin(case: Case, one: BackwardPass) -> list[Cut]:
    """Constants of the pass's graph that were cut off from something of which nobody knows what it is."""
    unnamed = {leaf.id for leaf in case.trace.leaves if leaf.name == f"leaf {leaf.id}"}
    return [cut for cut in case.trace.cuts if one.index in cut.passes and set(cut.leaves) <= unnamed]


def _sibling(one: BackwardPass, module: str) -> int | None:
    """The last op of a module that stands beside this one, in the same parent: there its own should have stood."""
    parent, dot, _ = module.rpartition(".")
    if one.graph is None or not module:
        return None
    beside = [
        node.id
        for node in one.graph.nodes
        if node.leaf is None and node.location is not None and node.module and node.module.startswith(parent + dot)
    ]
    return min(beside, default=None)


_REASONS: tuple[Callable[[Case], Subject | None], ...] = (
    _arrived,
    _zero,
    _frozen,
    _in_graph,
    _assigned,
    cut_reason,
    _switched_on,
    _no_pass,
    _all_failed,
    _outside,
)
"""In this order: what was measured before what is concluded."""
