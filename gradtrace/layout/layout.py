"""Where everything in a picture stands: a layered layout, one module at a time, in linear time.

The algorithm; `web/src/layout` does steps 3 to 5 for the web page, to the same positions:

1. *Levels.* Every open module is a level of its own, and so is the whole picture. What stands directly in a level
   (boxes and, closed up, the modules inside it) are its vertices. Modules are done innermost first, so that an inner
   one is by then a rectangle of known size.
2. *Ports.* An edge that leaves a module does so through a port on its border: below for what the module hands on, above
   for what it takes in. A port belongs to the producer whose tensor crosses the border, so an edge to ten consumers in
   another module crosses each border once. An edge thus becomes a row of segments, one in each level on its way: out of
   the producer's modules, across the level where both sides meet, into the consumer's modules.
3. *Layers* (`bends`). In a level, a vertex stands one layer below the lowest of its producers (longest path),
   and a vertex without producers directly above its first consumer. An edge over several layers gets a bend in each;
   one over very many, or one that runs against the order, is led through a lane at the right. A label is a bend with a
   size.
4. *Order* (`order`). A few sweeps down and up sort each layer by the mean position of the neighbours; the order
   with the fewest crossings is kept.
5. *Columns* (`columns`). Sweeps again: each vertex wants to stand at the mean of its neighbours; the positions
   that come nearest to the desired ones without overlaps are found exactly, by pooling adjacent violators.
6. *Assembly.* Outermost first, each level is put at its place, and the segments of each edge are strung together.

Each step is linear in vertices, segments and bends (sorting aside); bends are bounded by a budget, nothing recurses,
and a level that equals an earlier one (the twelfth block of a transformer) is not computed again. Equal input gives
equal output.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradtrace.layout.layers import arrange
from gradtrace.layout.level import Arrangement, LayerGraph, Segment
from gradtrace.layout.routes import Point

PADDING = 14.0
"""Between the border of a module and what is in it."""


@dataclass(frozen=True, slots=True)
class BoxSize:
    """A box to be placed; `group` is the module in which it stands."""

    width: float
    height: float
    group: int | None = None


@dataclass(frozen=True, slots=True)
class GroupSize:
    """An open module; its title needs this room at its top."""

    parent: int | None
    title_width: float = 0.0
    title_height: float = 0.0
    is_beside: bool = False
    """The room is at its left, and the title is written along it."""


@dataclass(frozen=True, slots=True)
class Link:
    """An edge in forward direction, from the box above to the box below, perhaps with a label of a size."""

    producer: int
    consumer: int
    label: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Left, top, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of all boxes, groups and links.

    `routes[i]` are the points of a cubic Bézier curve (start, then two control points and an end for each piece) from
    producer to consumer; `labels[i]` is the centre of its label.
    """

    width: float
    height: float
    boxes: tuple[Rectangle, ...]
    groups: tuple[Rectangle, ...]
    routes: tuple[tuple[Point, ...], ...]
    labels: tuple[Point | None, ...]
    is_turned: bool = False
    """From left to right, not from top to bottom."""

    def turned(self) -> "Layout":
        """The same, mirrored at the diagonal."""
        return Layout(
            self.height,
            self.width,
            tuple(_turned(box) for box in self.boxes),
            tuple(_turned(group) for group in self.groups),
            tuple(tuple((y, x) for x, y in route) for route in self.routes),
            tuple(None if label is None else label[::-1] for label in self.labels),
            not self.is_turned,
        )


_Vertex = tuple[str, int]
"""`("box", id)`, `("group", id)`, `("in", producer)` or `("out", producer)`."""
_End = tuple[_Vertex, int]
"""A vertex and, for a group, the producer whose port is meant (else -1)."""


@dataclass(slots=True)
class _Level:
    """What one module directly contains, while it is collected and then placed."""

    children: dict[_Vertex, None] = field(default_factory=dict)
    ins: dict[_Vertex, None] = field(default_factory=dict)
    outs: dict[_Vertex, None] = field(default_factory=dict)
    segments: dict[tuple[_End, _End, int], int] = field(default_factory=dict)
    labels: dict[int, tuple[float, float]] = field(default_factory=dict)
    arrangement: Arrangement | None = None
    width: float = 0.0
    height: float = 0.0
    inset: tuple[float, float] = (0.0, 0.0)
    ports: dict[_Vertex, float] = field(default_factory=dict)

    def segment(self, upper: _End, lower: _End, parallel: int, label: tuple[float, float] | None = None) -> int:
        """The number of this segment; the same ends share one."""
        number = self.segments.setdefault((upper, lower, parallel), len(self.segments))
        if label is not None:
            self.labels[number] = label
        return number


_Way = list[tuple[int, int]]
"""The segments of one link, as (level, segment) from producer to consumer."""


def _turned(place: Rectangle) -> Rectangle:
    return Rectangle(place.y, place.x, place.height, place.width)


def lay_out(
    boxes: Sequence[BoxSize], links: Sequence[Link], groups: Sequence[GroupSize] = (), *, is_turned: bool = False
) -> Layout:
    """Place boxes, links and groups; boxes come in forward order, producers before consumers.

    `is_turned` places them from left to right; titles of groups stay at the top.
    """
    if is_turned:
        boxes = [BoxSize(box.height, box.width, box.group) for box in boxes]
        links = [Link(link.producer, link.consumer, link.label and link.label[::-1]) for link in links]
        groups = [replace(group, is_beside=True) for group in groups]
        return lay_out(boxes, links, groups).turned()
    top = len(groups)
    parents = [top if group.parent is None else group.parent for group in groups]
    levels = [_Level() for _ in range(top + 1)]
    homes = [top if box.group is None else box.group for box in boxes]
    for number, home in enumerate(homes):
        _settle_in(levels, parents, ("box", number), home, top)
    chains = _Chains(parents, top)
    seen: dict[tuple[int, int], int] = {}
    ways = []
    for link in links:
        pair = (link.producer, link.consumer)
        seen[pair] = parallel = seen.get(pair, -1) + 1
        ways.append(_way(levels, chains, link, homes, parallel))
    memo: dict[LayerGraph, Arrangement] = {}
    for number in [*_innermost_first(parents, chains), top]:
        _place(levels, number, boxes, groups[number] if number < top else None, memo)
    return _assemble(levels, boxes, len(groups), ways)


def _settle_in(levels: list[_Level], parents: list[int], vertex: _Vertex, home: int, top: int) -> None:
    """Enter a box into its level, and each module around it into the level around that, in order of appearance."""
    while vertex not in levels[home].children:
        levels[home].children[vertex] = None
        if home == top:
            return
        vertex, home = ("group", home), parents[home]


class _Chains:
    """Which modules stand around a level, outermost first."""

    def __init__(self, parents: list[int], top: int) -> None:
        self._parents = parents
        self._known: dict[int, tuple[int, ...]] = {top: (top,)}

    def of(self, level: int) -> tuple[int, ...]:
        missing = []
        while level not in self._known:
            missing.append(level)
            level = self._parents[level]
        chain = self._known[level]
        for inner in reversed(missing):
            chain = (*chain, inner)
            self._known[inner] = chain
        return chain


def _innermost_first(parents: list[int], chains: _Chains) -> list[int]:
    return sorted(range(len(parents)), key=lambda group: (-len(chains.of(group)), group))


def _way(levels: list[_Level], chains: _Chains, link: Link, homes: list[int], parallel: int) -> _Way:
    """Cut a link into its segments and enter each into its level."""
    producer, consumer = link.producer, link.consumer
    above, below = chains.of(homes[producer]), chains.of(homes[consumer])
    shared = 0
    while shared < min(len(above), len(below)) and above[shared] == below[shared]:
        shared += 1
    way: _Way = []
    end: _End = (("box", producer), -1)
    for level in reversed(above[shared:]):
        levels[level].outs[("out", producer)] = None
        way.append((level, levels[level].segment(end, (("out", producer), -1), 0)))
        end = (("group", level), producer)
    inwards = [*below[shared:]]
    for level, inner in zip([above[shared - 1], *inwards], [*inwards, None], strict=True):
        last = inner is None
        lower: _End = (("box", consumer), -1) if inner is None else (("group", inner), producer)
        if end[0][0] == "in":
            levels[level].ins[end[0]] = None
        number = levels[level].segment(end, lower, parallel if last else 0, link.label if last else None)
        way.append((level, number))
        end = (("in", producer), -1)
    return way


def _place(
    levels: list[_Level],
    number: int,
    boxes: Sequence[BoxSize],
    group: GroupSize | None,
    memo: dict[LayerGraph, Arrangement],
) -> None:
    """Arrange one level whose inner modules are placed already."""
    level = levels[number]
    vertices = [*level.ins, *level.children, *level.outs]
    index = {vertex: i for i, vertex in enumerate(vertices)}

    def size(vertex: _Vertex) -> tuple[float, float]:
        kind, ref = vertex
        if kind == "box":
            return (boxes[ref].width, boxes[ref].height)
        return (levels[ref].width, levels[ref].height) if kind == "group" else (0.0, 0.0)

    def attach(end: _End, side: str) -> float | None:
        (kind, ref), producer = end
        return levels[ref].ports[(side, producer)] if kind == "group" else None

    segments = tuple(
        Segment(index[upper[0]], attach(upper, "out"), index[lower[0]], attach(lower, "in"), level.labels.get(i))
        for i, (upper, lower, _) in enumerate(level.segments)
    )
    graph = LayerGraph(tuple(map(size, vertices)), len(level.ins), len(level.outs), segments)
    if graph not in memo:
        memo[graph] = arrange(graph)
    placed = level.arrangement = memo[graph]
    if group is None:
        level.width, level.height = placed.width, placed.height
        return
    title = group.title_height
    if group.is_beside:
        level.width = placed.width + title + 2 * PADDING
        level.height = max(placed.height, group.title_width) + 2 * PADDING
        level.inset = (title + PADDING, (level.height - placed.height) / 2)
        for port in (*level.ins, *level.outs):
            level.ports[port] = placed.positions[index[port]][0] + level.inset[0]
        return
    level.width = max(placed.width, group.title_width) + 2 * PADDING
    level.height = placed.height + title + 2 * PADDING
    level.inset = ((level.width - placed.width) / 2, title + PADDING)
    for port in (*level.ins, *level.outs):
        level.ports[port] = placed.positions[index[port]][0] + level.inset[0]


def _assemble(levels: list[_Level], boxes: Sequence[BoxSize], n_groups: int, ways: list[_Way]) -> Layout:
    """Outermost first, add up the positions; then string the segments of each link together."""
    top = n_groups
    origins = [(0.0, 0.0)] * (n_groups + 1)
    nothing = Rectangle(0.0, 0.0, 0.0, 0.0)
    box_places, group_places = [nothing] * len(boxes), [nothing] * n_groups
    waiting = [top]
    while waiting:
        number = waiting.pop()
        level = levels[number]
        placed = level.arrangement
        if placed is None:  # pragma: no cover - every level was placed before
            continue
        left, upper = origins[number]
        for (kind, ref), (x, y) in zip(level.children, placed.positions[len(level.ins) :], strict=False):
            if kind == "box":
                box_places[ref] = Rectangle(left + x, upper + y, boxes[ref].width, boxes[ref].height)
                continue
            inner = levels[ref]
            group_places[ref] = Rectangle(left + x, upper + y, inner.width, inner.height)
            origins[ref] = (left + x + inner.inset[0], upper + y + inner.inset[1])
            waiting.append(ref)
    strung = [_string(way, levels, origins) for way in ways]
    return Layout(
        levels[top].width,
        levels[top].height,
        tuple(box_places),
        tuple(group_places),
        tuple(route for route, _ in strung),
        tuple(label for _, label in strung),
    )


def _string(
    way: _Way, levels: list[_Level], origins: list[tuple[float, float]]
) -> tuple[tuple[Point, ...], Point | None]:
    points: list[Point] = []
    label: Point | None = None
    for number, segment in way:
        placed = levels[number].arrangement
        if placed is None:  # pragma: no cover - every level was placed before
            continue
        left, upper = origins[number]
        piece = [(left + x, upper + y) for x, y in placed.routes[segment]]
        if points:  # from the inside of a border to its outside, straight
            start, end = points[-1], piece[0]
            points += [start, end, end]
            piece = piece[1:]
        points += piece
        at = placed.labels[segment]
        if at is not None:
            label = (left + at[0], upper + at[1])
    return tuple(points), label
