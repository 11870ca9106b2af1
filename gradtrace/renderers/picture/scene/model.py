"""The parts of a picture, as text and numbers: every engine draws these and decides nothing but how."""

from dataclasses import dataclass

from gradtrace.text.palette import Scale


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one look; `role` is a key of `palette.SIZES`."""

    text: str
    role: str = "plain"


Row = tuple[Span, ...]
"""Spans side by side."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What the labels of ops carry; None for as much as there is room for."""

    values: bool | None = None
    shapes: bool | None = None
    source: bool | None = None
    is_slide: bool = False
    """Data and gradient in each box, and the op as a circle."""


NO_WISHES = Labels()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a leaf's ledger.

    `kind` is `head`, `pass` or `drawn` (the pass that the picture shows), each with four cells (pass, before, adds,
    after), or `between` (what happened between passes) and `more` (passes left out), each with one.
    """

    kind: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """What stands for an item of the view; `style` is a key of `Theme.boxes`.

    A `chip` stands for a leaf at one of its many uses; the leaf's own box then has no arrows.
    """

    style: str
    rows: tuple[Row, ...]
    tooltip: str
    cluster: int | None = None
    steps: tuple[Step, ...] = ()
    is_chip: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """A gradient on its way, from the box `source` that sends it to the box `target` that receives it.

    `state` is `sent`, `zero`, `non-finite`, `none` (nothing was sent), `unknown` (sent, but not measured), `carried`
    (to the previous repetition) or `constant` (what is taken in takes no gradient).
    """

    source: int
    target: int
    state: str
    norm: float | None = None
    label: Row = ()
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open module or loop."""

    parent: int | None
    title: Row
    tooltip: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture: boxes in forward order, arrows in the direction of the gradient, a caption above and a legend below.

    `legend` are the keys of `Theme.boxes` that occur and `edge_states` those of arrows; `notes` say what is folded
    away.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    clusters: tuple[Cluster, ...] = ()
    title: str = ""
    caption: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    legend: tuple[str, ...] = ()
    edge_states: tuple[str, ...] = ()
    scale: Scale | None = None
