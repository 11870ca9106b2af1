"""Where a value left the graph, so that no gradient comes back along it."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.kinds import CutKind, SwitchKind
from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class GradSwitch:
    """What switched gradients off.

    Attributes:
        kind: how.
        call: what was written or called: `torch.no_grad`, `checkpoint`, `Round.forward`.
        location: the `with`, the definition of the decorated function or of `forward`, the call; in a library, the
            user's own line that led there, with the library's as its `via`.
    """

    kind: SwitchKind
    call: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A value that required grad, and a result that does not: one per place in the source.

    Attributes:
        kind: how the value left it.
        call: the function that was called: `detach`, `argmax`, `item`.
        source: what a person would call the value that was cut off, else None.
        name: the name to which the result was assigned, else None.
        leaves: ids of the leaves from which the value derives: those that get no gradient this way.
        count: how often it happened; 0 where that was before the stretch of a session which this is about.
        reentry: where the result, or what was made of it, first came back into a graph, as a constant.
        passes: indices of the passes in whose graph it did.
        module: the module that was running.
        switch: for `no_grad` and `inference_mode`: what switched gradients off, when that was found.
        is_of_leaves: every value that was cut off was a leaf itself.
    """

    id: int
    kind: CutKind
    call: str
    location: Location | None
    source: str | None = None
    name: str | None = None
    leaves: tuple[int, ...] = ()
    count: int = 1
    reentry: Location | None = None
    passes: tuple[int, ...] = ()
    module: str | None = None
    process: int = 0
    switch: GradSwitch | None = None
    is_of_leaves: bool = False
