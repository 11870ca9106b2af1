"""What the page shows at first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opening:
    """What the page shows at first.

    Attributes:
        start: index of the pass; None: the page chooses.
        depth: to which depth modules are open; None: as far as there is room.
        expanded: paths of modules that are open with all in them.
        focus: the name to which the whole trace was narrowed, if it was.
    """

    start: int | None = None
    depth: int | None = None
    expanded: tuple[str, ...] = ()
    focus: str | None = None
