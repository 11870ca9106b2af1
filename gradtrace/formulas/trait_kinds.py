"""What can be known about an op."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto


class Zeros(StrEnum):
    """Why an element of an input gets exactly zero although its op got a gradient."""

    NEVER_TAKEN = "never taken"
    OUTSIDE = "outside the limits"
    NOT_LARGEST = "not the largest"
    NOT_SMALLEST = "not the smallest"
    NOT_POSITIVE = "the input is not positive there"
    OTHER_TAKEN = "the other tensor was taken there"
    OVERWRITTEN = "overwritten there"
    DROPPED = "dropped"
    NOT_AMONG = "not among those taken"
    NOT_THE_ONE = "not the one taken"
    WRONG_CLASS = "not the right class"


class Breaks(Enum):
    """Where finite numbers give one, or a derivative, that is not finite."""

    ARC = auto()
    """At the ends of the range on which an inverse function is defined."""
    DECOMPOSITION = auto()
    """Where two eigenvalues or singular values are equal."""
    DIVISION = auto()
    EXP = auto()
    LOG = auto()
    POWER = auto()
    """At zero or below it, depending on the exponent."""
    ROOT = auto()
    SOFTMAX = auto()
    """Where all that it compares is minus infinity."""
    SPREAD = auto()
    """A deviation of a single number."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What an op is; a field that is false may as well be unknown.

    Attributes:
        stem: its node type without `Backward0` (the whole type where an overload has a row of its own); for a function
            without a node of its own its name in capitals.
        is_view: the result lies in the memory of the input.
        is_copy: the result holds the same elements in memory of its own, in the same places, maybe in another dtype.
        passes_elements: each element of the result is one of the input's; which one depends on places alone.
        passes_all: each element of the input is in the result, and nothing else is.
        is_transposition: it only changes the order of dimensions.
        is_elementwise: an element of the result depends on the elements at its own place alone, after broadcasting.
        is_linear: it is linear in all its inputs together, but for a constant.
        is_addition: it adds or subtracts two terms.
        is_scaling: it multiplies or divides by its other operand.
        is_spread: each element gets the same: a sum or a mean.
        is_mean: it is a mean.
        is_loss: a loss that can average over its elements.
        compares: it is zero where its two inputs are equal, and grows with their difference.
        is_loss_step: losses written out apply it to differences: powers, absolute values, logarithms, factors.
        is_softmax: exponentials divided by their sum, or the logarithm of that.
        is_probability: what it gives is never negative and may be meant as a probability.
        is_guard: its slope is 1 or 0: written around a number to keep it in a range.
        is_saturating: its slope nears zero on both sides without being zero.
        is_flat: its derivative is zero everywhere.
        is_choice: each element of the result is that of one input or another.
        is_convolution: it is a convolution.
        mixes: it multiplies the elements of two tensors and adds up: products of matrices, convolutions, attention.
        is_norm: it is a norm.
        normalizes: it divides by a norm.
        gives_parts: its outputs are parts of the input, in their order.
        gives_indices: a result of it are indices, or comes with them.
        is_discrete: it draws from a distribution of separate values, or is how such a sample is made.
        shrinks: what it sends is what arrived times numbers that may be small.
        zeros: why an element of an input may get exactly zero.
        breaks: where finite numbers give some that are not.
        factors: of a product of matrices: torch's names of the two that it multiplies, in order.
        addend: of a product of matrices: the input that is added, and broadcast.
        arguments: torch's names of the arguments of a call, in order, where texts ask for them.
        operator: the operator of Python that makes it.
        aliases: other functions that do the same.
    """

    stem: str = ""
    is_view: bool = False
    is_copy: bool = False
    passes_elements: bool = False
    passes_all: bool = False
    is_transposition: bool = False
    is_elementwise: bool = False
    is_linear: bool = False
    is_addition: bool = False
    is_scaling: bool = False
    is_spread: bool = False
    is_mean: bool = False
    is_loss: bool = False
    compares: bool = False
    is_loss_step: bool = False
    is_softmax: bool = False
    is_probability: bool = False
    is_guard: bool = False
    is_saturating: bool = False
    is_flat: bool = False
    is_choice: bool = False
    is_convolution: bool = False
    mixes: bool = False
    is_norm: bool = False
    normalizes: bool = False
    gives_parts: bool = False
    gives_indices: bool = False
    is_discrete: bool = False
    shrinks: bool = False
    zeros: Zeros | None = None
    breaks: Breaks | None = None
    factors: tuple[str, ...] = ()
    addend: str = ""
    arguments: tuple[str, ...] = ()
    operator: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def is_product(self) -> bool:
        """Whether it is a product of matrices or vectors."""
        return bool(self.factors)

    @property
    def is_selection(self) -> bool:
        """Whether a mask says where it drops an input."""
        return self.is_choice and self.zeros in (Zeros.OTHER_TAKEN, Zeros.OVERWRITTEN)

    def copying(self) -> Traits:
        """The variant that copies instead of making a view."""
        return replace(self, is_view=False)
