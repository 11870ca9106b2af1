"""The sentences about names that stand for no tensor of a graph: inputs, constants, numbers, models."""

from gradtrace.analysis.reasons import Subject
from gradtrace.model import BystanderKind, Variable, VariableKind
from gradtrace.text import wording


def bystander(one: Subject) -> str:
    """Why a tensor that takes no part has no `.grad`."""
    aside = one.bystander
    if aside is None:
        return f"{one.name} takes no part in a recorded pass."
    spec = wording.spec(aside.shape, aside.dtype, aside.device)
    backward = one.backward
    passed = f"pass {backward.index}{wording.at(backward.location)}" if backward is not None else ""
    head = f"{one.name} ({spec}) has no .grad{wording.at(one.read)} because"
    made = wording.at(aside.location)
    match aside.kind:
        case BystanderKind.INTEGERS:
            return f"{head} it holds no floating point numbers, and only those can require grad."
        case BystanderKind.INFERENCE:
            return f"{head} it was made in inference mode{made}."
        case BystanderKind.ELSEWHERE:
            leaf = "" if aside.is_leaf else "it is not a leaf, and "
            if not passed and one.error is not None:
                where = wording.at(one.error.frames[-1]) if one.error.frames else ""
                return f"{head} {leaf}no backward pass ran: the program ended before, with a {one.error.type}{where}."
            if not passed:
                return f"{head} {leaf or ''}no backward pass ran in this program."
            return f"{head} {leaf}nothing that {passed} began from was computed from it."
        case BystanderKind.BUFFER:
            return f"{head} it is no parameter: its module keeps it as a buffer or an attribute, without requires_grad."
        case BystanderKind.CUT_OFF:
            return f"{head} it was cut off from the graph."
        case BystanderKind.REQUIRES_NO_GRAD:
            return f"{head} it was made without requires_grad{made}."
        case _:
            return f"{head} it takes no part in {passed or 'a recorded pass'}."


def variable(one: Subject) -> str:
    """What a name stands for instead of a tensor of a graph."""
    known = one.variable
    if known is None or known.kind == VariableKind.RESULT:
        return (
            f"{one.name} has no .grad because it is a result, not a leaf: .grad is kept for leaves alone, and no "
            "recorded pass began from it or went through it."
        )
    return f"{one.name} has no .grad because it is {_what(known)}."


def _what(known: Variable) -> str:
    kind = wording.short(known.type)
    match known.kind:
        case VariableKind.NUMBER:
            value = f", {_number(known.text)} at first" if known.text else ""
            return f"a Python number ({kind}{value}), no tensor: no gradient goes to it"
        case VariableKind.ARRAY:
            return "a numpy array, no tensor: what numpy computes is outside of the graph"
        case VariableKind.MODULE:
            return f"a module ({kind}) without parameters that were seen: only tensors have a .grad"
        case VariableKind.OPTIMIZER:
            return f"an optimizer ({kind}), no tensor: it reads the .grad of its parameters"
        case VariableKind.OTHER:
            return f"no tensor ({kind}): only tensors have one"
        case _:
            return "no tensor: only tensors have one"


def _number(text: str) -> str:
    try:
        return wording.number(float(text)) if "." in text or "e" in text else wording.short(text)
    except ValueError:
        return wording.short(text)


def not_seen(one: Subject) -> str:
    """The source has the name, and nobody saw what it stood for."""
    place = one.place
    if one.name == "self":
        return "self is the object whose method runs: ask for an attribute of it that is a tensor."
    function = place.function if place is not None else ""
    if place is not None and function and place.text.lstrip().startswith(("def ", "async def ", "lambda")):
        return (
            f"{one.name} is a parameter of {function}(){wording.at(place)}: a tensor that is given to it is known by "
            "the name that it has where a backward pass begins."
        )
    if function:
        return (
            f"{one.name} is a variable of {function}(){wording.at(place)}, which was not running when a backward pass "
            "began: what it held took part under no such name, if at all."
        )
    return (
        f"No tensor was seen under the name {one.name}, which the source uses{wording.at(place)}: nothing was called "
        "that where a backward pass began, nor when the program ended."
    )
