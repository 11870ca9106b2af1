"""Routes: the curve that a segment takes through its bends, as points of a cubic Bézier curve."""

from collections.abc import Sequence

Point = tuple[float, float]

LANE_DISTANCE = 9.0
"""Between two lanes at the right of a level."""


def straight(start: Point, end: Point) -> list[Point]:
    """The control points and the end of a straight piece; nothing if there is no way to go."""
    return [] if start == end else [start, end, end]


def bow(start: Point, end: Point) -> list[Point]:
    """A piece that leaves and arrives vertically."""
    if abs(start[0] - end[0]) < 0.05:  # noqa: PLR2004 - not to be seen
        return straight(start, end)
    middle = (start[1] + end[1]) / 2
    return [(start[0], middle), (end[0], middle), end]


def turn(start: Point, end: Point, reach: float) -> list[Point]:
    """A piece that leaves vertically and comes back from where it went: `reach` above (negative) or below."""
    return [(start[0], start[1] + reach), (end[0], end[1] + reach), end]


def through(stops: Sequence[tuple[Point, Point]], lane: tuple[int, list[Point]] | None) -> list[Point]:
    """A curve from stop to stop; each stop is passed straight down from its first point to its second.

    `lane` is the position of the stop after which the curve goes through a lane, with the piece that does it.
    """
    points = [stops[0][0]]
    for i, (entry, leave) in enumerate(stops):
        if i:
            detour = lane is not None and lane[0] == i - 1
            points += lane[1] if lane is not None and detour else bow(points[-1], entry)
        points += straight(entry, leave)
    return points


def assign_lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """For each vertical span the number of a lane in which it touches no other: first come, lowest free lane."""
    lanes = [0] * len(spans)
    free: list[float] = []
    for i in sorted(range(len(spans)), key=lambda k: (spans[k][0], k)):
        top, bottom = spans[i]
        lane = next((k for k, until in enumerate(free) if until < top), len(free))
        if lane == len(free):
            free.append(bottom)
        free[lane] = bottom
        lanes[i] = lane
    return lanes
