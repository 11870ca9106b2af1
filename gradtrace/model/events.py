"""What happened between passes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gradtrace.model.kinds import EventKind
from gradtrace.model.location import Location
from gradtrace.model.steps import StepFact
from gradtrace.model.tensors import Number

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class GradWrite:
    """One leaf's `.grad` before a write and after it: 2-norms, None where they are not known.

    `zeroed_rows` is how many of its rows became all zeros, with facts for a diagnosis, where the program's own line
    wrote to a tensor of two dimensions or more, and had done so before.
    """

    leaf: int
    before: Number | None
    after: Number | None
    zeroed_rows: int | None = None

    @property
    def stays(self) -> bool:
        """Whether the norm is known to be what it was, but for how it was rounded."""
        before, after = self.before, self.after
        if not isinstance(before, int | float) or not isinstance(after, int | float):
            return False
        return math.isclose(before, after, rel_tol=_ROUNDING)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to the run, in order.

    Attributes:
        order: position among the events of the run, from 0.
        kind: what happened.
        pass_index: the pass that it is (`backward`) or the last pass before it (0: before the first).
        leaves: ids of the leaves concerned.
        set_to_none: for `zero_grad` and `grad_cleared`: True to None, False to zeros, None when neither applies.
        optimizer: id of the optimizer, for `zero_grad` and `step`.
        call: what did it, as text for people: `SGD.zero_grad`, `Module.zero_grad`, `Tensor.grad = None`,
            `clip_grad_norm_`; "" when not seen.
        count: how many times in a row it stands for (repeating passes after the recorded ones are counted, not listed).
        requires_grad: for `requires_grad`: what the program set it to.
        is_leaf: for `grad_read`: whether the tensor whose `.grad` was None is a leaf.
        name: for `grad_alias`: the variable that stands for the `.grad` already.
        is_assignment: for `grad_cleared` and `grad_modified`: a statement of the program assigned to `.grad`, rather
            than a function of torch that wrote into it.
        step: for `step`: what it did, if that was looked at.
        writes: for `grad_modified` near passes recorded in full: what it did to the `.grad` of each leaf.
    """

    order: int
    kind: EventKind
    pass_index: int
    leaves: tuple[int, ...] = ()
    location: Location | None = None
    set_to_none: bool | None = None
    optimizer: int | None = None
    call: str = ""
    count: int = 1
    requires_grad: bool | None = None
    is_leaf: bool | None = None
    name: str | None = None
    is_assignment: bool = False
    process: int = 0
    step: StepFact | None = None
    writes: tuple[GradWrite, ...] = ()

    @property
    def is_clipping(self) -> bool:
        """Whether a function of torch clipped gradients: it makes them smaller, and leaves what they are."""
        return self.kind == EventKind.GRAD_MODIFIED and "clip" in self.call

    @property
    def norm_before(self) -> float | None:
        """The 2-norm before the write over the `.grad` of all its leaves; None if one of them is not known."""
        return _total(one.before for one in self.writes)

    @property
    def norm_after(self) -> float | None:
        """The same after the write."""
        return _total(one.after for one in self.writes)


def _total(norms: Iterable[Number | None]) -> float | None:
    known = list(norms)
    numbers = [float(one) for one in known if isinstance(one, int | float)]
    return math.hypot(*numbers) if known and len(numbers) == len(known) else None
