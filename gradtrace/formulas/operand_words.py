"""What the operands of an op are to it, in words: `left factor`, `weight`, `bias`."""

import re
from functools import lru_cache

_ROLES = {
    "mul": {"self": "left factor", "other": "right factor"},
    "div": {"self": "numerator", "other": "denominator"},
    "add": {"self": "left summand", "other": "right summand"},
    "sub": {"self": "left side", "other": "subtracted"},
    "pow": {"self": "base"},
    "mm": {"self": "left factor", "mat2": "right factor"},
    "bmm": {"self": "left factor", "mat2": "right factor"},
    "mv": {"self": "matrix", "vec": "vector"},
    "dot": {"self": "left factor", "tensor": "right factor"},
    "addmm": {"self": "summand", "mat1": "left factor", "mat2": "right factor"},
    "addmv": {"self": "summand", "mat": "matrix", "vec": "vector"},
    "baddbmm": {"self": "summand", "batch1": "left factor", "batch2": "right factor"},
    "where": {"self": "where true", "other": "where false"},
    "matmul": {"self": "left factor", "other": "right factor"},
    "mkldnn_rnn_layer": {"weight2": "bias", "weight3": "bias"},
    "maximum": {"self": "left side", "other": "right side"},
    "minimum": {"self": "left side", "other": "right side"},
}
"""By op, then by torch's name of the argument."""

_OF_LINEAR = {
    "addmm:self": "bias",
    "addmm:mat1": "input",
    "addmm:mat2": "weight",
    "mm:self": "input",
    "mm:mat2": "weight",
    "add:other": "bias",
}

_OF_CALLS = {
    "linear": _OF_LINEAR,
    "scaled_dot_product_attention": {
        "bmm:self/bmm:self": "query",
        "bmm:self/bmm:mat2": "key",
        "bmm:mat2": "value",
    },
}
"""By call, then by the ops and arguments that lead to the operand within what the call made."""

_ARGUMENTS = {
    "linear": _OF_LINEAR,
    "matmul": {
        "mm:self": "self",
        "mm:mat2": "other",
        "bmm:self": "self",
        "bmm:mat2": "other",
        "mv:self": "self",
        "mv:vec": "other",
    },
    "cross_entropy": {"": "input"},
    "l1_loss": {"sub:self": "input", "sub:other": "target"},
    "outer": {"mul:self": "self", "mul:other": "vec2"},
}
"""By call, the argument of its page in the catalogue to which each way leads."""

_ALONE = {
    "self": "input",
    "src": "source",
    "other": "other side",
    "mat1": "left factor",
    "mat2": "right factor",
    "batch1": "left factor",
    "batch2": "right factor",
    "mat": "matrix",
    "vec": "vector",
}
_MEMBER = re.compile(r"(\w+)\[(\d+)\]")
"""One of a list of tensors: `tensors[1]` of `cat` and `stack`."""
_NUMBERED = re.compile(r"(weight|bias)\d+")


def argument_of_call(call: str, way: str | None) -> str | None:
    """The argument of a call that ops and arguments within it lead to: `weight` for `addmm:mat2` of `linear`."""
    return _ARGUMENTS.get(call, {}).get(way or "")


def arguments_of_call(call: str) -> tuple[str, ...]:
    """The first arguments of a function that has no node of its own, in their order."""
    return _FIRST_ARGUMENTS.get(call, ())


_FIRST_ARGUMENTS = {
    "linear": ("input", "weight", "bias"),
    "cross_entropy": ("input", "target"),
    "l1_loss": ("input", "target"),
    "outer": ("self", "vec2"),
}

SELF_EVIDENT = frozenset({"input", "left summand", "right summand", "left side"})
"""Words that a label where room is short leaves out."""


@lru_cache(maxsize=4096)
def operand_word(op: str, argument: str | None) -> str:
    """What an operand is to its op; "" where there is nothing to say.

    Args:
        op: of the node, or the call that made it.
        argument: torch's name of the argument (`mat2`), or the ops and arguments that lead to it (`addmm:mat2`).
    """
    if not argument:
        return ""
    of_call = _OF_CALLS.get(op, {}).get(argument)
    if of_call is not None:
        return of_call
    inner, _, name = argument.rpartition("/")[2].rpartition(":")
    member = _MEMBER.fullmatch(name)
    if member is not None:
        return _nth(int(member[2]) + 1) + (" tensor" if member[1] == "tensors" else f" of {member[1]}")
    role = _ROLES.get((inner or op).strip("_"), {}).get(name)
    numbered = _NUMBERED.fullmatch(name) if role is None else None
    if numbered is not None:
        return numbered[1]
    return role if role is not None else _ALONE.get(name, name.replace("_", " "))


def telling_word(op: str, argument: str | None) -> str:
    """As `operand_word`, but "" also for a plain `input`, which tells nothing in a sentence."""
    said = operand_word(op, argument)
    return "" if said == "input" else said


def _nth(n: int) -> str:
    suffix = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"
