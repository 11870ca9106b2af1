"""What a diagnosis reads of the program's objects: attributes that do nothing, buffers that move, copies that share.

Recorded only when facts for a diagnosis are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.kinds import SharingKind
from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class Lookalike:
    """An attribute of parameters, or of a module, that says whether to train them, and that torch does not know.

    Attributes:
        attribute: its name.
        value: what it says.
        module: path of the module that has it; None for the only model itself, and where parameters have it.
        module_type: class of that module; None where parameters have it.
        leaves: the parameters for which torch does the opposite.
        is_stepped: an optimizer has stepped with gradients of theirs.
        location: where it is assigned, if one place was found that does that.
    """

    attribute: str
    value: bool
    module: str | None = None
    module_type: str | None = None
    leaves: tuple[int, ...] = ()
    is_stepped: bool = False
    location: Location | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class MovingNorm:
    """A normalization layer in train mode whose running statistics moved, while all parameters around it stood still.

    Attributes:
        leaves: its own parameters.
        n_around: how many parameters stand in the part that it is in; none of them required grad, or had a gradient.
        is_frozen: none of them required grad.
        count: from how many passes to the next they moved; 0 where a parameter around it was written to later.
        pass_index: the last of these.
        location: where it was put into train mode, if that was seen.
    """

    module: str | None
    module_type: str
    leaves: tuple[int, ...]
    n_around: int
    count: int
    pass_index: int
    location: Location | None = None
    is_frozen: bool = True
    process: int = 0


@dataclass(frozen=True, slots=True)
class MaskingHook:
    """A hook of a leaf that set rows of its gradient to zero.

    Attributes:
        zeroed_rows: how many, in the first pass in which it did.
        pass_index: that pass.
        location: where the last hook of the leaf is defined, if that is a function of the program's.
    """

    leaf: int
    zeroed_rows: int
    pass_index: int
    location: Location | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class LostMask:
    """A part of a parameter that the program set to zero, and that was no longer zero when passes used it.

    Attributes:
        n_zeros: how many elements were zero after the write.
        n_back: how many of these were not when the pass began.
        is_late: its optimizer had stepped before the write.
        pass_index: the pass that began; the one before it had used some of them too.
        location: the write.
    """

    leaf: int
    n_zeros: int
    n_back: int
    is_late: bool
    pass_index: int
    location: Location | None = None
    process: int = 0


@dataclass(frozen=True, slots=True)
class Sharing:
    """Something that was done with a copy of parameters that is none: it shares their storage.

    Attributes:
        kind: what was done.
        call: the function that was called.
        location: where.
        made: where the copy was taken, if that was seen.
        leaves: ids of the parameters, as far as they are leaves of the trace.
        n_tensors: how many tensors shared.
        n_steps: how many steps optimizers that hold them had taken since the copy; None where that is not known.
        count: how often it happened.
        cut: id of the cut that the copy comes from.
        is_tracked: the result is part of a graph.
        pass_index: the last pass before it.
    """

    kind: SharingKind
    call: str
    location: Location | None
    made: Location | None = None
    leaves: tuple[int, ...] = ()
    n_tensors: int = 0
    n_steps: int | None = None
    count: int = 1
    cut: int | None = None
    is_tracked: bool = False
    pass_index: int = 0
    process: int = 0
