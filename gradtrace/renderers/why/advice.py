"""What a person can do about a gradient, or about one that is missing."""

from collections.abc import Callable

from gradtrace.analysis.reasons import Reason, Subject
from gradtrace.model import BystanderKind, CutKind, LeafKind, SwitchKind
from gradtrace.renderers.why.words import NAMED, is_root
from gradtrace.text import wording
from gradtrace.text.wording import short


def advice(one: Subject) -> str:
    """What to do; empty when nothing needs to be done."""
    return _ADVICE[one.reason](one)


_CONTAINERS = frozenset({"list", "tuple", "dict", "deque", "OrderedDict", "defaultdict"})

_MEANT = "If that is meant, nothing needs to change."

_REMEDIES = {
    CutKind.DETACH: "Remove it, or detach only a copy that is used for something else, such as logging.",
    CutKind.DATA: "Use the tensor itself; for a change without gradient, torch.no_grad() is safer than .data.",
    CutKind.ITEM: "Compute with the tensor; call item() only for what is printed or logged.",
    CutKind.TOLIST: "Put tensors together with torch.stack() or torch.cat(), never by way of Python numbers.",
    CutKind.NUMPY: "Use the torch function of the same name: numpy computes outside the graph.",
    CutKind.NUMBER: "Compute with the tensor, and with torch's functions instead of Python's and math's.",
    CutKind.NEW_TENSOR: "Put tensors together with torch.stack() or torch.cat(), and use them as they are.",
    CutKind.PARAMETER: "Use the result as it is; nn.Parameter() is for values that nothing is computed from.",
    CutKind.NO_GRAD: (
        "Run it with gradients on: outside of torch.no_grad(); and draw from a distribution by rsample(), which has a "
        "gradient, instead of sample()."
    ),
    CutKind.INFERENCE_MODE: "Run it outside of torch.inference_mode().",
    CutKind.NOT_DIFFERENTIABLE: (
        "Replace it by something smooth while training (sigmoid, softmax, a loss on the scores), or pass the gradient "
        "on with a straight-through estimator."
    ),
}


def _about_cut(one: Subject) -> str:
    graph = one.backward.graph if one.backward is not None else None
    if graph is not None and one.reentry and graph.nodes[one.reentry[-1]].is_custom:
        return (
            "The forward of a custom Function runs without gradients: give the tensor to apply(), and return its "
            "gradient from backward()."
        )
    switch = one.cuts[0].switch
    if switch is not None and switch.kind == SwitchKind.CHECKPOINT:
        return "Pass use_reentrant=False to checkpoint(), or give it an input that requires grad."
    return f"{_REMEDIES.get(one.cuts[0].kind, '')} {_MEANT}".strip()


def _keep(one: Subject) -> str:
    if is_root(one):
        return ""
    unnamed = [leaf for leaf in one.sources if leaf.name.startswith("leaf ")]
    if len(one.sources) == 1 and unnamed:
        return (
            "If it was meant to be the leaf: make it in its final form (dtype, device, scale) first, and call "
            f"requires_grad_() last. Else {short(one.name)}.retain_grad() before backward() keeps its gradient."
        )
    leaves = f", or read the .grad of {wording.listing([short(x.name) for x in one.sources], NAMED)}"
    return (
        f"Call {short(one.name)}.retain_grad() before backward(), or ask torch.autograd.grad(loss, {short(one.name)})"
        f"{leaves if one.sources and not unnamed else ''}."
    )


def _thaw(one: Subject) -> str:
    if one.kind == LeafKind.BUFFER:
        return "Buffers are not trained. If this one should be, make it an nn.Parameter."
    return f"If it should be trained: requires_grad_(True), before the forward pass. {_MEANT}"


def _adopt(one: Subject) -> str:
    if one.frozen_by is not None:
        return "Switch it on again, requires_grad_(True), before the forward pass that should train it."
    if one.orphaned_by is None or one.n_namesakes:
        return ""
    made = wording.at(one.orphaned_by.location)
    fact = one.unregistered
    if fact is not None:
        place = one.leaf.location if one.leaf is not None else None
        where = f" (made{wording.at(place)})" if place is not None else ""
        return (
            f"No optimizer owns it, so step() never changes it: it belongs to a module in {short(fact.attribute)} of "
            f"{short(fact.module or fact.module_type)}{where}, a plain list or dictionary, which parameters() does not "
            "look into. Make that an nn.ModuleList or nn.ModuleDict."
        )
    return (
        f"No optimizer owns it, so step() never changes it: pass it to {short(one.orphaned_by.type)}{made}, "
        "after the model has its final form."
    )


def _take_part(one: Subject) -> str:
    """Only what could require grad is told how."""
    if one.bystander is not None and one.bystander.kind == BystanderKind.BUFFER:
        return f"If it should be trained, make it an nn.Parameter. {_MEANT}"
    if one.bystander is None or one.bystander.kind != BystanderKind.REQUIRES_NO_GRAD:
        return ""
    return f"If its gradient is wanted: {short(one.name)}.requires_grad_() before the forward pass. {_MEANT}"


def _elsewhere(one: Subject) -> str:
    place = one.place
    if one.name == "self":
        return ""
    line = f", or for what a line computes: {wording.location(place)}" if place is not None else ""
    return f"Ask for the name that the tensor has where backward() is called{line}."


def _let_through(one: Subject) -> str:
    graph = one.backward.graph if one.backward is not None else None
    if graph is not None and one.culprit is not None and graph.nodes[one.culprit].is_custom:
        return f"Look at what its backward returns for that input. {_MEANT}"
    return (
        "Where a function is flat (round, sign, a saturated clamp, relu of negatives, a mask of zeros) its gradient is "
        "zero: keep the values out of the flat part, or replace the function while training."
    )


def _enter(one: Subject) -> str:
    if one.replaced_by is not None:
        return f"Give the optimizer what runs: {short(one.replaced_by.name)}."
    if one.cuts:
        return _about_cut(one)
    if one.switch is not None:
        return (
            "A reentrant checkpoint passes gradients on only if one of its inputs requires grad: use_reentrant=False "
            "does not ask for that."
        )
    return (
        "Either its module never ran, or what it computed was not used, or a copy of it ran: look where its output "
        "should enter the loss."
    )


def _ask_for_a_part(one: Subject) -> str:
    """Of a container a person means what it holds."""
    if one.variable is None or one.variable.type not in _CONTAINERS:
        return ""
    key = "[0]" if one.variable.type in ("list", "tuple", "deque") else "['...']"
    return f"Ask for what it holds, by the name that it has: {short(one.name)}{key}, or that of the parameter."


def _call_backward(one: Subject) -> str:
    if one.error is None:
        return "Call loss.backward(), with its parentheses."
    if "Can't call numpy() on Tensor that requires grad" in one.error.message:
        return (
            "numpy knows nothing of gradients. detach().numpy() gives the values alone; what is computed from "
            "them gets no gradient."
        )
    return ""


def _nothing(one: Subject) -> str:
    del one
    return ""


_ADVICE: dict[Reason, Callable[[Subject], str]] = {
    Reason.GRADIENT: _adopt,
    Reason.RETAINED: _nothing,
    Reason.NOT_RETAINED: _keep,
    Reason.CONSTANT: _about_cut,
    Reason.FROZEN: _thaw,
    Reason.SWITCHED_ON: lambda _: "Call requires_grad_() before the forward pass: the graph is made while it runs.",
    Reason.CUT: _about_cut,
    Reason.ZERO: _let_through,
    Reason.HOOK: lambda _: "Let the hook return the gradient, or None to leave it as it is.",
    Reason.CANCELLED: _nothing,
    Reason.ZERO_ROOT: lambda _: "Look at the gradient that is given to backward(), or at the factor before the loss.",
    Reason.NOT_SENT: lambda _: "Return a gradient for every input that requires one, in the order of forward().",
    Reason.NOT_ASKED: lambda _: "Add it to the inputs of the call, or leave the inputs out.",
    Reason.NOT_STORED: lambda _: "Call backward() to fill .grad, or assign what autograd.grad returned.",
    Reason.CLEARED: lambda _: "The order is zero_grad(), backward(), step().",
    Reason.ASSIGNED: _nothing,
    Reason.FAILED: _nothing,
    Reason.BYSTANDER: _take_part,
    Reason.VARIABLE: _ask_for_a_part,
    Reason.NOT_SEEN: _elsewhere,
    Reason.NO_BACKWARD: _call_backward,
    Reason.DERIVED_AWAY: lambda _: f"What is only added is gone from a derivative. {_MEANT}",
    Reason.UNUSED: lambda one: (
        "Use it in forward(), or take it out of the module."
        if one.replaced_by is None
        else f"Give the optimizer what runs: {short(one.replaced_by.name)}."
    ),
    Reason.OUTSIDE: _enter,
}
