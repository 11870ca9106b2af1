"""Makes a million frozen objects of the model in seconds.

The `__init__` of a frozen dataclass takes the slow way around its own lock, once for each field. A draft is the same
object with the lock left off: a twin of the class with the same slots, whose instances become instances of the class
itself when they are complete.
"""

from collections.abc import Iterable
from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any

from gradtrace.model import Edge, Node, NodeOutput, TensorStats


def _draft_of(cls: type) -> Any:
    twins = [
        (one.name, one.type, field() if one.default is MISSING else field(default=one.default)) for one in fields(cls)
    ]
    return make_dataclass(f"{cls.__name__}Draft", twins, slots=True, eq=False)


EdgeDraft = _draft_of(Edge)
NodeDraft = _draft_of(Node)
OutputDraft = _draft_of(NodeOutput)
StatsDraft = _draft_of(TensorStats)


def finish(drafts: Iterable[Any], cls: type) -> None:
    """Make drafts what they are drafts of; nothing is copied, and nothing can be changed from now on."""
    for draft in drafts:
        draft.__class__ = cls
