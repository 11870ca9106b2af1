"""Leaves and the optimizers that own them."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.kinds import LeafKind
from gradtrace.model.location import Location
from gradtrace.model.tensors import NestedValue


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor that accumulates into `.grad`; one id over all passes.

    Attributes:
        name: what a person would call it: `fc1.weight`, `w`; `leaf 3` when nothing is known.
        optimizers: ids of the optimizers whose param groups hold it.
        value: all elements when it was first seen, if there are at most 16.
        location: where it was made, when that was seen.
        stored: for one that a container or an attribute holds (`self.w`, `params[0]`): the line that puts it there,
            when only one does.
        process: which process of the run it lives in.
    """

    id: int
    name: str
    kind: LeafKind
    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    requires_grad: bool = True
    optimizers: tuple[int, ...] = ()
    value: NestedValue = None
    location: Location | None = None
    process: int = 0
    stored: Location | None = None


@dataclass(frozen=True, slots=True)
class OptimizerInfo:
    """A `torch.optim.Optimizer` that was seen: its class name, where it was made, and how many tensors it owns.

    `would_step` is where the program's code calls its `step`, looked for when several passes had gone by without one.
    """

    id: int
    type: str
    name: str | None = None
    location: Location | None = None
    n_params: int = 0
    process: int = 0
    would_step: Location | None = None
