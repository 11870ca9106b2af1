"""Where a value left the graph, so that no gradient comes back along it."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.kinds import CutKind
from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class Cut:
    """A value that required grad, and a result that does not: one per place in the source.

    Attributes:
        kind: how the value left it.
        call: the function that was called: `detach`, `argmax`, `item`.
        source: what a person would call the value that was cut off, else None.
        name: the name to which the result was assigned, else None.
        leaves: ids of the leaves from which the value derives: those that get no gradient this way.
        count: how often it happened.
        reentry: where the result, or what was made of it, first came back into a graph, as a constant.
        passes: indices of the passes in whose graph it did.
        module: the module that was running.
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
