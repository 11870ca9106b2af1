"""From a node type, a node, or a name that a person types, to the formula."""

import re
from collections.abc import Sequence
from functools import lru_cache

from gradtrace.errors import GradtraceError
from gradtrace.formulas.catalogue import CATALOGUE
from gradtrace.formulas.catalogue.compositions import FORMULAS as COMPOSITIONS
from gradtrace.formulas.derivatives import Derivative, derivative, derivatives
from gradtrace.formulas.formula import Formula, GradientTo
from gradtrace.formulas.torchgen_files import TorchFilesError
from gradtrace.model import Location, Node
from gradtrace.model.format import COMPILED_REGION
from gradtrace.suggest import close_names


class UnknownOpError(GradtraceError):
    """Nothing is known by this name."""


def lookup(node_type: str) -> Formula | None:
    """Find the formula of a node type; None for a type that torch does not bring (a custom Function).

    An entry of the catalogue where there is one (`source` "catalogue"), else torch's own formulas without words
    (`source` "torch"). `SelectBackward0_copy`, `ForeachExpBackward0` and
    `SelectBackwardAutogradNestedTensor0` are found at the op that they repeat.
    """
    node_type = node_type.removeprefix("torch::autograd::")
    for known in (node_type, *_repeated(node_type)):
        if known in _by_node_type():
            return _by_node_type()[known]
    entry = _torch_entry(node_type)
    return _from_torch(entry) if entry else None


def describe(node: Node) -> Formula:
    """Find the formula of a node; for a custom Function or an unknown type, words that say where to look."""
    if not node.is_custom:
        known = lookup(node.type)
        if known is not None:
            return known
    if node.op.startswith(COMPILED_REGION):
        return _compiled(node.op)
    if node.type.startswith("GeneratedBackwardFor_"):
        return _custom(
            node, "A custom op, registered through torch.library.", "Its author registered the backward with the op."
        )
    if node.type == "BackwardHookFunctionBackward":
        return _custom(
            node,
            "What torch puts around a module that has backward hooks; it gives its inputs back.",
            "The gradient goes through; a backward hook of the module may put another in its place.",
        )
    where = _place(node.backward_location)
    return _custom(
        node,
        "A custom autograd Function.",
        f"Its own backward{where} decides what each input gets; torch.autograd.gradcheck can check it.",
    )


def describe_call(call: str, ops: Sequence[str]) -> Formula:
    """Find the formula of a call of which torch made several ops; without one, words that name these ops.

    Args:
        call: what was called: `linear`.
        ops: of which torch made it, in the order of the forward pass.
    """
    if call.startswith(COMPILED_REGION):
        return _compiled(call)
    known = next((formula for formula in COMPOSITIONS if call in (formula.op, *formula.aliases)), None)
    if known is not None:
        return known
    parts = list(dict.fromkeys(ops))
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return Formula(
        op=call,
        node_types=(),
        forward=f"torch makes it of {listed}.",
        backward=f"torch makes it of {listed}; --verbose shows the gradient at each.",
        source="torch",
    )


def _compiled(op: str) -> Formula:
    """What torch.compile made."""
    fused = " and its operations fused" if "inductor" in op else ""
    return Formula(
        op=op,
        node_types=(),
        forward="A part of the program that torch.compile made into one function.",
        backward=f"its backward graph was compiled with it{fused}.",
        source="torch",
    )


def find(name: str) -> tuple[Formula, ...]:
    """Find the entries that a person means by an op (`sigmoid`, `F.gelu`, `Tensor.mul_`) or a node type.

    Raises:
        UnknownOpError: there is none; the message names close ones.
    """
    exact = lookup(name)
    if exact is not None:
        return (exact,)
    wanted = _plain(name)
    if re.fullmatch(r".*backward\d+", wanted):
        by_type = {node_type.lower(): node_type for node_type in (*_by_node_type(), *_torch_types())}
        found = lookup(by_type[wanted]) if wanted in by_type else None
        if found is not None:
            return (found,)
    own = [formula for formula in CATALOGUE if _plain(formula.op) == wanted]
    alike = [formula for formula in CATALOGUE if wanted in map(_plain, formula.aliases)]
    seen = [formula for formula in CATALOGUE if any(_is_spelled(name, each) for each in formula.node_types)]
    if own or alike or seen:
        return tuple(dict.fromkeys(own + alike + seen))
    from_torch = tuple(_from_torch(entry) for entry in _torch_entries() if _plain(entry.op) == wanted)
    if from_torch:
        return from_torch
    raise UnknownOpError(_unknown(name, wanted))


def _unknown(name: str, wanted: str) -> str:
    from gradtrace.formulas.optimizers import RULES  # noqa: PLC0415  only where a name is wrong

    names = {
        _plain(each): each
        for formula in reversed(CATALOGUE)
        for each in (*formula.node_types, *formula.aliases, formula.op)
    }
    names = {_plain(entry.op): entry.op for entry in _torch_entries()} | names
    names |= {rule.name.lower(): rule.name for rule in RULES}
    close = [names[key] for key in close_names(wanted, names, most=4)]
    meant = f"; close to it: {', '.join(close)}" if close else ""
    return f"no op, node type or optimizer is called {name!r}{meant}. All of them: gradtrace formula --list"


def _plain(name: str) -> str:
    """`torch.nn.functional.gelu`, `Tensor.mul_` and `_linalg_svd` become `gelu`, `mul` and `svd`."""
    plain = name.strip().rpartition(".")[2].strip("_").lower().removeprefix("torch::autograd::")
    for room in ("linalg_", "special_", "native_"):
        plain = plain.removeprefix(room)
    return plain


def _is_spelled(name: str, node_type: str) -> bool:
    """Whether a name is how graphs call a type of node: `log_sigmoid` for `LogSigmoidBackward0`."""
    return re.sub(r"Backward\d*$", "", node_type).lower() == name.strip().lower().replace("_", "")


@lru_cache(maxsize=1)
def _by_node_type() -> dict[str, Formula]:
    twins = {node_type: formula for formula in CATALOGUE for node_type in formula.twins}
    return twins | {node_type: formula for formula in CATALOGUE for node_type in formula.node_types}


def _repeated(node_type: str) -> tuple[str, ...]:
    """The op of which this is a copying variant, one for many tensors, or one for nested tensors."""
    plain = node_type.removesuffix("_copy")
    member = re.fullmatch(r"Foreach(.*Backward\d+)\D*", plain)
    return (plain, plain.replace("AutogradNestedTensor", ""), *(member.groups() if member else ()))


def _from_torch(entry: Derivative) -> Formula:
    """Show the C++ formulas as they are: there is nothing here to verify."""
    refused = all("not_implemented" in formula for formula in entry.formulas)
    return Formula(
        op=entry.op.strip("_"),
        node_types=(entry.node_type,),
        forward=f"torch's op {entry.op}.",
        backward="torch has no derivative for it: a backward pass that reaches it raises an error."
        if refused
        else "There are no words for it yet; with -v its page shows torch's own formulas.",
        gradients=tuple(
            GradientTo(name, formula, None) for name, formula in zip(entry.inputs, entry.formulas, strict=True)
        ),
        source="torch",
    )


def _custom(node: Node, forward: str, backward: str) -> Formula:
    return Formula(op=node.op, node_types=(node.type,), forward=forward, backward=backward, source="custom")


def _place(location: Location | None) -> str:
    return "" if location is None else f", at {location.file}:{location.line},"


def _torch_entry(node_type: str) -> Derivative | None:
    try:
        return derivative(node_type)
    except TorchFilesError:  # the catalogue alone is better than nothing
        return None


def _torch_entries() -> tuple[Derivative, ...]:
    try:
        return tuple(derivatives().values())
    except TorchFilesError:
        return ()


def _torch_types() -> tuple[str, ...]:
    return tuple(entry.node_type for entry in _torch_entries())
