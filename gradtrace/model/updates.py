"""What a program does with gradients by itself: where it reads them, and which leaves it moves."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location
from gradtrace.model.tensors import Number


@dataclass(frozen=True, slots=True)
class GradUse:
    """A line of the program's own that read the `.grad` of leaves, which was there.

    Attributes:
        pass_index: the last pass before it.
        iterator: the variable of a generator (or `zip`, `map`, ...) over which the line loops, where the same function
            loops over it once more.
        again: the second of these loops, for which nothing is left.
        in_vain: the variable that the statement gives a value which nothing reads: `for f in leaves: f = f - f.grad`.
    """

    pass_index: int
    leaves: tuple[int, ...]
    location: Location | None
    iterator: str | None = None
    again: Location | None = None
    in_vain: str | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """How far a leaf that no optimizer steps has moved from one pass recorded in full to the next.

    Attributes:
        pass_index: the later pass.
        change: the 2-norm of the difference.
        along: the cosine between the difference and the `.grad` with which the later pass began: -1 after a step of
            gradient descent; None where there is none, or nothing moved.
    """

    leaf: int
    pass_index: int
    change: Number
    along: float | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class EmptyClipping:
    """A call that was to clip gradients, and was given none.

    Attributes:
        pass_index: the last pass before it.
        n_parameters: how many parameters it was given; 0 for a used-up generator.
    """

    pass_index: int
    call: str
    location: Location | None
    n_parameters: int = 0
    process: int = 0
