"""Leaves and the optimizers that own them."""

from gradtrace.model import Leaf as SeenLeaf
from gradtrace.model import LeafKind, OptimizerInfo
from gradtrace.renderers.document.layout import Part
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.tensors import Location, Values


class Leaf(Part, frozen=True, kw_only=True):
    """A tensor that accumulates into `.grad`.

    Attributes:
        id: its position in the list.
        name: what a person would call it: `fc1.weight`, `w`.
        kind: what it is.
        shape: its shape.
        dtype: its dtype, without `torch.`.
        device: where it lives.
        requires_grad: whether it requires grad.
        optimizers: ids of the optimizers that own it.
        value: all elements when it was first seen, where there are at most 16, else null.
        location: where it was made, or null.
        process: which process of the run it lives in.
        stored: the line that puts it into a container or an attribute, or null.
    """

    id: int
    name: str
    kind: LeafKind
    shape: tuple[int, ...]
    dtype: str
    device: str
    requires_grad: bool
    optimizers: tuple[int, ...]
    value: Values | None
    location: Location | None
    process: int
    stored: Location | None


class Optimizer(Part, frozen=True, kw_only=True):
    """A `torch.optim.Optimizer` that was seen.

    Attributes:
        id: its position in the list.
        type: its class.
        name: the variable that stands for it, or null.
        location: where it was made, or null.
        n_params: how many tensors it owns.
        process: which process of the run it lives in.
        would_step: where the program calls its `step`, looked for when several passes had gone by without one.
    """

    id: int
    type: str
    name: str | None
    location: Location | None
    n_params: int
    process: int
    would_step: Location | None


def leaf(one: SeenLeaf) -> Leaf:
    """A leaf of a trace."""
    return mirrored(Leaf, one)


def optimizer(one: OptimizerInfo) -> Optimizer:
    """An optimizer of a trace."""
    return mirrored(Optimizer, one)
