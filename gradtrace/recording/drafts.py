"""Makes a million frozen objects of the model in seconds.

The `__init__` of a frozen dataclass takes the slow way around its own lock, once for each field. A draft is the same
object with the lock left off: a twin of the class with the same slots, whose instances become instances of the class
itself when they are complete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any

from gradtrace.model import Edge, Node, NodeOutput, SavedTensor, TensorStats
from gradtrace.model.graph import Kept
from gradtrace.model.tensors import Measured


def _draft_of(cls: type) -> Any:
    twins = [
        (one.name, one.type, field() if one.default is MISSING else field(default=one.default)) for one in fields(cls)
    ]
    return make_dataclass(f"{cls.__name__}Draft", twins, slots=True, eq=False)


EdgeDraft = _draft_of(Edge)
NodeDraft = _draft_of(Node)
OutputDraft = _draft_of(NodeOutput)


class SavedDraft(Kept):
    """A draft of a saved tensor whose elements are worked out later."""

    __slots__ = SavedTensor.__slots__

    def __init__(self, kind: SavedTensor, leaf: int | None, whole: TensorStats) -> None:
        self.name = kind.name
        self.shape = kind.shape
        self.dtype = kind.dtype
        self.bytes = kind.bytes
        self.device = kind.device
        self.shared = kind.shared
        self.packed = kind.packed
        self.owner = kind.owner
        self.owner_kind = kind.owner_kind
        self.leaf = leaf
        self.stats = None
        self._whole = whole


class StatsDraft(Measured):
    """A draft of statistics that are worked out later."""

    __slots__ = TensorStats.__slots__

    def __init__(self, shape: tuple[int, ...], dtype: str, numel: int, column: Sequence[float], at: int) -> None:
        self.shape = shape
        self.dtype = dtype
        self.numel = numel
        self._column = column
        self._at = at


def finish(drafts: Iterable[Any], cls: type) -> None:
    """Make drafts what they are drafts of; nothing is copied, and nothing can be changed from now on."""
    for draft in drafts:
        draft.__class__ = cls
