"""What is known about the derivative of one op."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GradientTo:
    """What one input receives.

    `grad` is the gradient that arrives at the result; torch's argument names stand for the inputs, and `result` (or
    torch's name for it) for what the op returned. After a formula the engine itself finishes: where the input was
    broadcast it sums the gradient to the input's shape, for a real input it keeps the real part, and it casts to the
    input's dtype.

    Attributes:
        input: torch's name of the argument (`self`, `other`); a trailing `*` marks a list of tensors.
        maths: the formula as a person writes it, for real numbers.
        code: the same as a runnable torch expression, right for complex numbers too; for a list of tensors, a list.
            None where only torch's own kernel computes it.
    """

    input: str
    maths: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Formula:
    """The entry of one op in the catalogue.

    Attributes:
        op: torch's name of the op: `mul`.
        node_types: the node types whose gradient this is: `MulBackward0`.
        forward: one sentence: what the op does.
        backward: one or two sentences: what it does to a gradient.
        gradients: what each input receives, in the order of the node's slots; empty where there are only words.
        example: Python statements, the last of them a call of the op; the ones before name its arguments as torch does.
        where: names which the formulas use besides, each with the torch expression for it, in the order of use.
        twins: node types that compute the same on other devices or in other versions; not verified by themselves.
        aliases: other names by which a person may ask for the op.
        made_of: for a function that has no node of its own: the ops of which torch makes it.
        source: `catalogue` (in words, verified), `torch` (torch's own formulas, without words) or `custom` (a user's
            Function).
    """

    op: str
    node_types: tuple[str, ...]
    forward: str
    backward: str
    gradients: tuple[GradientTo, ...] = ()
    example: str = ""
    where: tuple[tuple[str, str], ...] = ()
    twins: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    source: str = "catalogue"
