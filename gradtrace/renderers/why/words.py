"""The sentences of an answer: what happened to a gradient."""

import ast
from collections.abc import Callable

from gradtrace.analysis.reasons import Reason, Subject
from gradtrace.formulas.operand_words import telling_word
from gradtrace.model import Node
from gradtrace.renderers.why import aside as reason_aside
from gradtrace.text import wording
from gradtrace.text.cut_words import cut_off
from gradtrace.text.source_maths import span
from gradtrace.text.steps.calls import word
from gradtrace.text.wording import short

NAMED = 3
"""So many tensors are called by their names; more are counted."""


def headline(one: Subject) -> str:
    """The answer in one sentence."""
    return _HEADLINES[one.reason](one)


def who(one: Subject) -> str:
    """Whom the answer is about: `w`, `w and b`, `encoder.0.weight and 5 more`."""
    names = [short(name) for name in (one.name, *one.same)]
    return wording.listing(names, NAMED)


def step(node: Node) -> str:
    """What an op is called: `mul at train.py:7`."""
    return f"{_op(node)}{wording.at(node.location)}"


def _op(node: Node) -> str:
    return short(node.call.rpartition(".")[2] if node.is_custom and node.call else word(node))


def _has(one: Subject) -> str:
    return "have" if one.same else "has"


def _them(one: Subject) -> str:
    return "them" if one.same else "it"


def _pass(one: Subject) -> str:
    backward = one.backward
    return f"pass {backward.index}{wording.at(backward.location)}" if backward is not None else "the pass"


def _node(one: Subject) -> Node | None:
    if one.culprit is None or one.backward is None or one.backward.graph is None:
        return None
    return one.backward.graph.nodes[one.culprit]


def _none(one: Subject) -> str:
    if one.reduced is not None:
        return f"{who(one)} {'get' if one.same else 'gets'} nothing on this rank because"
    return f"{who(one)} {_has(one)} no .grad{wording.at(one.read)} because"


def _gradient(one: Subject) -> str:
    sum_ = ""
    if one.before is not None and one.reduced is None:
        sum_ = f", which was {wording.gradient(one.before)} before and {wording.gradient(one.after)} after"
    subject = f"{who(one)}{_use(one)}"
    if one.n_namesakes:
        subject += f" (the first of {one.n_namesakes + 1:,} tensors of this name)"
    if one.gradient is None:
        index = one.backward.index if one.backward is not None else 1
        return f"{subject} has a gradient: {_pass(one)} added to its .grad; --passes {index} measures how much."
    return f"{subject} has a gradient: {_pass(one)} added {wording.gradient(one.gradient)} to its .grad{sum_}."


def _use(one: Subject) -> str:
    """Where a leaf without a name of its own is used, so that a person knows which one is meant."""
    graph = one.backward.graph if one.backward is not None else None
    if one.leaf is None or one.ways is None or graph is None or one.name != f"leaf {one.leaf.id}":
        return ""
    ways = one.ways
    path = (*ways.route, ways.meeting, *ways.trunk)
    users = [graph.nodes[id_] for id_ in path if id_ != one.node and graph.nodes[id_].location is not None]
    return f" (used by {step(users[-1])})" if users else ""


def _retained(one: Subject) -> str:
    return f"{who(one)} has a .grad, {wording.gradient(one.gradient)}: it is not a leaf, and retain_grad() kept it."


def is_root(one: Subject) -> bool:
    """Whether the pass begins there."""
    return one.backward is not None and any(root.node == one.node for root in one.backward.roots)


def _not_retained(one: Subject) -> str:
    made = ""
    if one.backward is not None and one.backward.graph is not None and one.node is not None:
        made = f": {step(one.backward.graph.nodes[one.node])} made it"
    return f"{_none(one)} it is not a leaf{made}, and .grad is kept for leaves alone."


def _constant(one: Subject) -> str:
    return f"{who(one)} gets no gradient because {cut_off(one.cuts[0])}: it is a constant."


def _frozen(one: Subject) -> str:
    verb = "do" if one.same else "does"
    text = f"{_none(one)} {'they' if one.same else 'it'} {verb} not require grad"
    if one.events:
        call = one.events[-1].call or "requires_grad = False"
        return f"{text}: {short(call)}{wording.at(one.events[-1].location)} switched it off."
    made = f" where {'they were' if one.same else 'it was'} made{wording.at(one.place)}" if one.place else ""
    return f"{text}: requires_grad is False{made}."


def _cut(one: Subject) -> str:
    forced = ""
    if one.events:
        event = one.events[0]
        call = short(event.call) or "requires_grad = True"
        forced = f"; {call}{wording.at(event.location)} then made a new leaf of what was left"
    return f"{_none(one)} {cut_off(one.cuts[0])}{forced}."


def _switched_on(one: Subject) -> str:
    call = (one.events[-1].call if one.events else "") or "requires_grad = True"
    return (
        f"{_none(one)} nothing that reached a root was computed from {_them(one)} after "
        f"{short(call)}{wording.at(one.place)}."
    )


def _zero(one: Subject) -> str:
    node = _node(one)
    subject = f"The gradient of {who(one)} is exactly zero because"
    if one.kind != "value":
        subject = f"{who(one)} {_has(one)} a .grad of exact zeros because"
    if node is None:
        return f"{subject} that is what {_pass(one)} added."
    mask = zero_factor(one)
    if mask is not None:
        return f"{subject} {mask} is zero in the product{wording.at(node.location)}."
    if node.is_custom:
        return (
            f"{subject} the backward of {short(node.type.removesuffix('Backward'))}{_backward_place(node)} sent zeros."
        )
    return f"{subject} {step(node)} let nothing through."


def _backward_place(node: Node) -> str:
    return wording.at(node.backward_location or node.location)


def zero_factor(one: Subject) -> str | None:
    """The other factor of a product at which a gradient became zero: `keep`."""
    node = _node(one)
    if node is None or node.op not in ("mul", "__mul__") or one.slot is None:
        return None
    try:
        tree = ast.parse(span(node.location).strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        tree = None
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult):
        return short(ast.unparse(tree.left if one.slot == 1 else tree.right))
    return "the other factor"


def _hook(one: Subject) -> str:
    return f"{who(one)} {_has(one)} a gradient of exact zeros because a hook{wording.at(one.place)} returned zeros."


def _cancelled(one: Subject) -> str:
    n = len(one.ways.ways) if one.ways is not None else 0
    node = _node(one)
    where = f" at {step(node)}" if node is not None and node.leaf is None else ""
    return (
        f"{who(one)} {_has(one)} a gradient of exact zeros because "
        f"the {wording.count(n, 'gradient')} that arrived{where} cancel out."
    )


def _zero_root(one: Subject) -> str:
    return f"{who(one)} {_has(one)} a gradient of exact zeros because {_pass(one)} itself began with zeros."


def _not_sent(one: Subject) -> str:
    node = _node(one)
    if node is None:
        return f"{_none(one)} no gradient was sent to {_them(one)} in {_pass(one)}."
    if node.is_custom:
        name = short(node.type.removesuffix("Backward"))
        return (
            f"{_none(one)} the backward of {name}{wording.at(node.backward_location)} returned None for {_them(one)}."
        )
    said = telling_word(node.op, one.operand)
    operand = f" (its {short(said)})" if said else ""
    return f"{_none(one)} {step(node)} sends no gradient to that input{operand}."


def _not_asked(one: Subject) -> str:
    return f"{_none(one)} {_pass(one)} was asked for the gradients of other tensors only."


def _not_stored(one: Subject) -> str:
    return (
        f"{_none(one)} autograd.grad{wording.at(one.place)} returned the gradient, "
        f"{wording.gradient(one.gradient)}, and stored nothing."
    )


def _cleared(one: Subject) -> str:
    clearing = one.events[0]
    call = short(clearing.call) or "zero_grad()"
    return (
        f"{who(one)} got {wording.gradient(one.gradient)} from {_pass(one)}, and "
        f"{call}{wording.at(clearing.location)} cleared it before step() could read it."
    )


def _assigned(one: Subject) -> str:
    return f"No backward pass added to the .grad of {who(one)}: the program itself set it{wording.at(one.place)}."


def _failed(one: Subject) -> str:
    if one.backward is not None and one.backward.error is not None:
        node = _node(one)
        # An op without a place in the source is told by the nearest one that has one.
        at = "in" if one.culprit == one.backward.error.node else "on the way from"
        where = f" {at} {step(node)}" if node is not None else ""
        return f"{_none(one)} {_pass(one)} ended with a {short(one.backward.error.type)}{where}."
    kind = short(one.error.type) if one.error is not None else "error"
    return f"{who(one)} {_has(one)} no gradient because the program ended with a {kind}{wording.at(one.place)}."


def _no_backward(one: Subject) -> str:
    if one.error is not None:
        return (
            f"{_none(one)} no backward pass ran: the program ended before, with a {short(one.error.type)}"
            f"{wording.at(one.error.frames[-1]) if one.error.frames else ''}."
        )
    return f"{_none(one)} no backward pass ran in this program."


def _derived_away(one: Subject) -> str:
    return f"{_none(one)} only {_pass(one)} went by {_them(one)}, and what it returned does not depend on {_them(one)}."


def _unused(one: Subject) -> str:
    node = _node(one)
    module = short(node.module) if node is not None and node.module else "its module"
    if one.replaced_by is not None:
        other = short(one.replaced_by.name)
        return f"{_none(one)} {module} ran{wording.at(one.place)} with {other} in place of {_them(one)}."
    return f"{_none(one)} {module} ran{wording.at(one.place)} and did not use {_them(one)}."


def _outside(one: Subject) -> str:
    text = f"{_none(one)} nothing that is computed from {_them(one)} reached {_root(one)}"
    node = _node(one)
    if one.cuts:
        return f"{text}: {cut_off(one.cuts[0])}."
    if one.replaced_by is not None:
        return f"{text}: {_pass(one)} went to {short(one.replaced_by.name)} in place of {_them(one)}."
    if one.switch is not None:
        place = wording.at(one.switch.location)
        return (
            f"{text}. {short(one.switch.call)}{place} ran operations on tensors that require grad without gradients: "
            "if its module runs there, that is why."
        )
    if node is not None and node.module:
        return f"{text}; {short(node.module)}{wording.at(node.location)} did."
    return f"{text}."


def _root(one: Subject) -> str:
    names = [root.name for root in one.backward.roots if root.name] if one.backward is not None else []
    return short(names[0]) if names else "the root of a backward pass"


_HEADLINES: dict[Reason, Callable[[Subject], str]] = {
    Reason.GRADIENT: _gradient,
    Reason.RETAINED: _retained,
    Reason.NOT_RETAINED: _not_retained,
    Reason.CONSTANT: _constant,
    Reason.FROZEN: _frozen,
    Reason.SWITCHED_ON: _switched_on,
    Reason.CUT: _cut,
    Reason.ZERO: _zero,
    Reason.HOOK: _hook,
    Reason.CANCELLED: _cancelled,
    Reason.ZERO_ROOT: _zero_root,
    Reason.NOT_SENT: _not_sent,
    Reason.NOT_ASKED: _not_asked,
    Reason.NOT_STORED: _not_stored,
    Reason.CLEARED: _cleared,
    Reason.ASSIGNED: _assigned,
    Reason.FAILED: _failed,
    Reason.NO_BACKWARD: _no_backward,
    Reason.DERIVED_AWAY: _derived_away,
    Reason.UNUSED: _unused,
    Reason.OUTSIDE: _outside,
    Reason.BYSTANDER: reason_aside.bystander,
    Reason.VARIABLE: reason_aside.variable,
    Reason.NOT_SEEN: reason_aside.not_seen,
}
