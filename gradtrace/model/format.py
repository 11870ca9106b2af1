"""What the recorder, the launcher and the reader of recordings must agree on."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

FORMAT_NAME = "gradtrace-recording"
"""Stands in the first line of each stream and recording."""

FORMAT_VERSION = (2, 4)
"""History: 1.0 the first; 1.1 a number and a checksum at the end of each line, and lines for what was not seen; 2.0
columns behind lines, and what repeats from pass to pass once; 2.1 more that a diagnosis reads: attributes,
buffers, copies, hooks, variables, losses without a graph, reads of gradients, moves by the program, empty clipping,
tensors that were not finite from the start; 2.2 which nodes one call of torch made; 2.3 the norms
of the gradients that every step finds; 2.4 which saved tensors lie in one storage, and what else holds it; which rank
a process is, of how many, and that it came to its end; what torch.compile made of its regions; what optimizer steps
have in common once."""

COMPILED_REGION = "compiled region"
"""How the op of a node begins that stands for one; what compiled it follows in parentheses, where that is known."""

NO_GRADIENT, NOT_MEASURED = -1.0, -2.0
"""What stands in a column of norms, which are none of them negative, where there is no norm."""

UNKNOWN_RATE = float("-inf")
"""What stands in a column of learning rates for one that is no number."""

ASYNCHRONOUS = ", asynchronous"
"""Ends what is said of a collective that may run on after its call has returned, so that nobody can measure there."""

CHECKPOINT, PACKED, CONTEXT = "checkpoint.", "packed.", "ctx."
"""How the name begins of a saved tensor that a checkpoint keeps to recompute others from, that a saved-tensor hook
keeps in place of another, or that a custom function keeps as an attribute of its context. No name of torch's does."""

UNKNOWN_EXTENT = -1
"""Stands in a shape for an extent that is no number: the rows of a nested tensor differ in it, or it is a symbol."""

VALUE_LIMIT = 16
"""Tensors up to this many elements are recorded with all their values."""

EXPRESSION_FILE = "<expression>"
"""The file name of a target that is an expression, in locations and tracebacks."""


class StepFlag(IntEnum):
    """What else is said of a step, as bits of a number."""

    LOSS = 1
    """The loss is known."""
    SKIPPED = 2
    """Something was not finite, and the step was skipped."""
    SCALED = 4
    """A `GradScaler` has scaled the loss."""


class Form(IntEnum):
    """What is known of a tensor that was measured, and so how many numbers of a column are its own."""

    UNKNOWN = 0
    """Nothing but shape and dtype."""
    VALUES = 1
    """All elements, in order; all else follows from them."""
    NORM = 2
    """The 2-norm, which is finite, and so are all elements."""
    NORM_ALONE = 3
    """The 2-norm, which is not finite; how many elements are not is unknown."""
    FULL = 4
    """Norm, least, greatest, mean; how many are NaN, infinite, zero."""
    ROW = 5
    """A row of its own, in order: complex and whole numbers, and what else no column of doubles holds."""


N_NUMBERS = (0, 0, 1, 1, 7, 0)
"""How many numbers each form has; of `VALUES` as many as the tensor has elements."""

_MAX_EMPTY = 1_000
"""So many empty lists stand for the rows of a tensor without elements: a file may say anything of its shape."""


def nested(elements: list[Any], shape: Sequence[int]) -> Any:
    """All elements of a tensor, in order, as nested lists in its shape."""
    if not shape:
        return elements[0]
    for extent in reversed(shape[1:]):
        if not extent:
            return _empty(shape)
        elements = [elements[first : first + extent] for first in range(0, len(elements), extent)]
    return elements


def _empty(shape: Sequence[int]) -> Any:
    return [_empty(shape[1:]) for _ in range(min(shape[0], _MAX_EMPTY))] if shape else []
