"""One difference between two runs in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradtrace.analysis.diff.first import Divergence, First
from gradtrace.analysis.diff.happenings import norm_around
from gradtrace.model import Event, EventKind, Node, StepFact
from gradtrace.text import cut_words, wording

_MOST_NODES = 6


def sentence(first: First) -> str:
    """Where two runs part, and how."""
    return _SENTENCES[first.kind](first)


def _event(first: First) -> str:
    before = f"before pass {first.pass_index}" if first.pass_index else "after the last pass that was recorded in full"
    old, new = first.old_event, first.new_event
    if old is not None and new is not None:
        if (old.kind, old.call) == (new.kind, new.call) and len(old.leaves) != len(new.leaves):
            n_old, n_new = wording.count(len(old.leaves), "leaf"), wording.count(len(new.leaves), "leaf")
            return f"{before}, OLD {_did(old)} for {n_old}, and NEW for {n_new}"
        norms = [norm_around(event) for event in (old, new)]
        if norms[0] is not None and norms[1] is not None and (old.kind, old.call) == (new.kind, new.call):
            after = [wording.number(pair[1]) for pair in norms if pair is not None]
            return f"{before}, {wording.short(old.call)} leaves a norm of {after[0]} in OLD, {after[1]} in NEW"
        return f"{before}, OLD {_did(old)}, and NEW {_did(new)}"
    only = old or new
    which, other = ("OLD", "NEW") if old is not None else ("NEW", "OLD")
    return f"{before}, {which} {_did(only)}; {other} does not" if only is not None else before


def _did(event: Event) -> str:
    called = wording.short(event.call)
    at = wording.at(event.location)
    if event.kind == EventKind.REQUIRES_GRAD:
        return f"sets requires_grad = {event.requires_grad}{at}"
    if event.kind == EventKind.GRAD_ALIAS:
        return f"reads a .grad that {event.name or 'a variable'} stands for already{at}"
    if event.kind == EventKind.GRAD_READ:
        return f"reads a .grad that is None{at}"
    if event.kind == EventKind.GRAD_MODIFIED:
        return f"changes gradients by {called or 'a write'}{at}"
    if event.kind == EventKind.STEP:
        return f"calls {called or 'step()'}{at}"
    return f"clears gradients by {called or 'a write to .grad'}{at}"


def _rates(first: First) -> str:
    if first.steps is None:
        return "steps ran with other numbers"
    changed = rates_that_differ(*first.steps)
    texts = [f"{name} {wording.elements(old)} in OLD, {wording.elements(new)} in NEW" for name, old, new in changed]
    return f"{wording.short(first.steps[1].call) or 'step()'} has {'; '.join(texts) or 'other param groups'}"


def rates_that_differ(old: StepFact, new: StepFact) -> list[tuple[str, object, object]]:
    """Name, old and new number of what differs in the param groups; None for what one of them lacks."""
    found: dict[tuple[str, str], tuple[str, object, object]] = {}
    for a, b in zip(old.groups, new.groups, strict=False):
        before, after = dict(a.rates), dict(b.rates)
        for name in dict.fromkeys([*before, *after]):
            pair = before.get(name), after.get(name)
            if pair[0] != pair[1]:
                found.setdefault((name, repr(pair)), (name, *pair))
    return list(found.values())


def _graph(first: First) -> str:
    cuts = [
        f"in {which} {cut_words.cut_off(cut)}"
        for which, cut in (("OLD", first.old_cut), ("NEW", first.new_cut))
        if cut is not None
    ]
    old, new = ops(first.old_nodes), ops(first.new_nodes)
    begin = f"pass {first.pass_index} walks another graph"
    if old and new and old != new:
        graph = f"{begin}: {old} in OLD, {new} in NEW"
    elif old and new:
        graph = f"{begin}: {_form(first.old_nodes[0], first.new_nodes[0])}"
    else:
        graph = f"{begin}: only {'OLD' if old else 'NEW'} has {old or new}"
    return "; ".join([graph, *cuts])


def _form(old: Node, new: Node) -> str:
    """What differs in two nodes of one op."""
    name = ops((new,))
    if (old.shape, old.dtype) != (new.shape, new.dtype):
        before, after = wording.spec(old.shape, old.dtype), wording.spec(new.shape, new.dtype)
        return f"{name} gives {before} in OLD, {after} in NEW"
    if old.arguments != new.arguments:
        before, after = (", ".join(f"{key} = {value}" for key, value in node.arguments) for node in (old, new))
        return f"{name} has {before or 'no arguments'} in OLD, {after or 'none'} in NEW"
    kept = [any(output.retains_grad for output in node.outputs) for node in (old, new)]
    if kept[0] != kept[1]:
        return f"the result of {name} keeps its gradient (retain_grad) in {'NEW' if kept[1] else 'OLD'} only"
    return f"{name} has other operands"


def ops(nodes: Sequence[Node]) -> str:
    """The ops of some nodes, as `linear and relu (encoder)`; many are counted."""
    names = [node.op for node in nodes if node.leaf is None] or ["the leaf" for _ in nodes]
    modules = list(dict.fromkeys(node.module for node in nodes if node.module))
    where = f" ({wording.listing(modules, 3)})" if modules else ""
    if len(names) > _MOST_NODES:
        return f"{wording.count(len(names), 'operation')}, the last of them {names[-1]}{where}"
    return f"{wording.listing(names)}{where}" if names else ""


def _value(first: First) -> str:
    old, new = first.old_nodes[0], first.new_nodes[0]
    values = f"{wording.value(old.value)} in OLD, {wording.value(new.value)} in NEW"
    return f"in pass {first.pass_index}, {new.op} is the first to give another value: {values}"


def _gradient(first: First) -> str:
    if not first.new_nodes:
        return f"in pass {first.pass_index}, {first.leaf} is the first leaf that gets another gradient"
    old, new = first.old_nodes[0], first.new_nodes[0]
    values = f"{wording.gradient(old.received)} in OLD, {wording.gradient(new.received)} in NEW"
    name = "a leaf" if new.leaf is not None else new.op
    sender = first.senders[1]
    sent = f" from {sender.op}" if sender is not None else ""
    return f"in pass {first.pass_index}, {name} is the first that gets another gradient{sent}: {values}"


def _error(first: First) -> str:
    where = f"pass {first.pass_index}" if first.pass_index else "the program"
    if first.old is not None and first.new is not None:
        return f"{where} ends with another error"
    return f"{where} fails in {'OLD' if first.old is not None else 'NEW'} only"


def _cut(first: First) -> str:
    cut = first.old_cut or first.new_cut
    which = "OLD" if first.old_cut is not None else "NEW"
    return f"in {which} only, {cut_words.cut_off(cut)}" if cut is not None else ""


def _optimizer(first: First) -> str:
    if first.optimizers is None:
        return "the optimizers are others"
    old, new = first.optimizers
    if old.type != new.type:
        return f"{old.type} in OLD, {new.type} in NEW"
    return f"{new.type} holds {wording.count(old.n_params, 'parameter')} in OLD, {new.n_params:,} in NEW"


def _leaf(first: First) -> str:
    return f"only {'OLD' if first.old is not None else 'NEW'} has the leaf {first.leaf}"


def _history(first: First) -> str:
    return f"over the whole run, the .grad of {first.leaf} has another history"


def _passes(_: First) -> str:
    return "the runs have another number of backward passes"


_SENTENCES: dict[Divergence, Callable[[First], str]] = {
    Divergence.EVENT: _event,
    Divergence.RATES: _rates,
    Divergence.GRAPH: _graph,
    Divergence.VALUE: _value,
    Divergence.GRADIENT: _gradient,
    Divergence.ERROR: _error,
    Divergence.CUT: _cut,
    Divergence.OPTIMIZER: _optimizer,
    Divergence.LEAF: _leaf,
    Divergence.HISTORY: _history,
    Divergence.PASSES: _passes,
}
