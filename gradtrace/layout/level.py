"""What the steps of a layered layout share: a level as it comes, as it goes, and while it is worked on."""

from dataclasses import dataclass, field

from gradtrace.layout.routes import Point


@dataclass(frozen=True, slots=True)
class Segment:
    """From one vertex down to another.

    `upper_port` and `lower_port` are distances from their left edges, or None for "anywhere".
    """

    upper: int
    upper_port: float | None
    lower: int
    lower_port: float | None
    label: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LayerGraph:
    """Sizes of the vertices: `n_ins` ports at the top, boxes in forward order, `n_outs` ports at the bottom."""

    sizes: tuple[tuple[float, float], ...]
    n_ins: int
    n_outs: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Left top corners of the vertices; the curve and the centre of the label of each segment."""

    width: float
    height: float
    positions: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    labels: tuple[Point | None, ...]


@dataclass(slots=True)
class Work:
    """Vertices and bends together: the bends follow the vertices. A hop is (upper, lower), one layer apart."""

    widths: list[float]
    heights: list[float]
    layer: list[int]
    stops: list[list[int]] = field(default_factory=list)
    """For each segment the vertices and bends on its way."""
    lanes: list[int | None] = field(default_factory=list)
    """For each segment the stop after which it takes a lane."""
    label_bends: list[int | None] = field(default_factory=list)
    port: list[float] = field(default_factory=list)
    """Where an edge passes through a bend, from its centre: left of a label, so that the line does not cross it."""
    upper_port: list[float | None] = field(default_factory=list)
    lower_port: list[float | None] = field(default_factory=list)
    """For each segment as in `Segment`."""
    above: list[list[tuple[int, float]]] = field(default_factory=list)
    below: list[list[tuple[int, float]]] = field(default_factory=list)
    """Neighbours of each vertex and bend, with where on *them* the hop attaches, from their centre."""
    own_above: list[list[float]] = field(default_factory=list)
    own_below: list[list[float]] = field(default_factory=list)
    """Where on the vertex itself the same hop attaches."""
