"""Spots: where each segment touches the vertices at its ends, and the curve between."""

from gradtrace.layout.columns import ATTACH, spread
from gradtrace.layout.level import LayerGraph, Work
from gradtrace.layout.routes import LANE_DISTANCE, Point, assign_lanes, bow, straight, through, turn

_TURN = 15.0
"""How far an edge that turns back first goes on."""


def route_segments(
    graph: LayerGraph,
    work: Work,
    places: tuple[list[float], list[float]],
    rows: tuple[list[float], list[float]],
    width: float,
) -> tuple[list[tuple[Point, ...]], list[Point | None], float]:
    """The curve of each segment, the centre of its label, and the width with the lanes."""
    x, y = places
    tops, bottoms = rows
    leaving = _attachments(graph, work, x, lower=False)
    arriving = _attachments(graph, work, x, lower=True)
    laned = [i for i, lane in enumerate(work.lanes) if lane is not None]
    ends = [(work.layer[work.stops[i][0]], work.layer[work.stops[i][1]]) for i in laned]
    lanes = dict(zip(laned, assign_lanes([(min(a, b), max(a, b)) for a, b in ends]), strict=True))
    routes: list[tuple[Point, ...]] = []
    labels: list[Point | None] = []
    for i, stops in enumerate(work.stops):
        spots = []
        for k, stop in enumerate(stops):
            layer = work.layer[stop]
            if k == 0:
                spots.append(((leaving[i], y[stop] + work.heights[stop]), (leaving[i], bottoms[layer])))
            elif k == len(stops) - 1:
                spots.append(((arriving[i], tops[layer]), (arriving[i], y[stop])))
            else:
                at = x[stop] + work.port[stop]
                spots.append(((at, tops[layer]), (at, bottoms[layer])))
        lane = None
        if i in lanes:
            beside = width + LANE_DISTANCE * (lanes[i] + 1)
            lane = (0, _lane(spots[0][1], spots[1][0], beside, (work.layer[stops[0]], work.layer[stops[1]]), rows))
        routes.append(tuple(through(spots, lane)))
        bend = work.label_bends[i]
        labels.append(None if bend is None else (x[bend], y[bend] + work.heights[bend] / 2))
    return routes, labels, width + LANE_DISTANCE * (max(lanes.values(), default=-1) + 1)


def _lane(
    start: Point, end: Point, at: float, layers: tuple[int, int], rows: tuple[list[float], list[float]]
) -> list[Point]:
    """From below one layer through a lane to above another; upwards if the edge runs against the order."""
    tops, bottoms = rows
    upper, lower = layers
    if lower == upper + 1:
        return bow(start, end)
    if lower > upper:
        first, last = tops[upper + 1], bottoms[lower - 1]
        return [*bow(start, (at, first)), *straight((at, first), (at, last)), *bow((at, last), end)]
    out = turn(start, (at, start[1]), _TURN)
    return [*out, *straight((at, start[1]), (at, end[1])), *turn((at, end[1]), end, -_TURN)]


def _attachments(graph: LayerGraph, work: Work, x: list[float], *, lower: bool) -> list[float]:
    """Where each segment touches the vertex at its end: at its port, else side by side, by where they come from."""
    spots = [0.0] * len(graph.segments)
    crowd: dict[int, list[int]] = {}
    for i, segment in enumerate(graph.segments):
        vertex, port = (segment.lower, segment.lower_port) if lower else (segment.upper, segment.upper_port)
        if port is not None:
            spots[i] = x[vertex] - work.widths[vertex] / 2 + port
        else:
            crowd.setdefault(vertex, []).append(i)
    far = max(x, default=0.0)
    for vertex, segments in crowd.items():
        half = ATTACH * work.widths[vertex]

        def comes_from(i: int) -> float:
            hop = len(work.stops[i]) - 2 if lower else 0
            if work.lanes[i] == hop:
                return far
            other = work.stops[i][hop if lower else hop + 1]
            return x[other] + work.port[other]

        segments.sort(key=lambda i: (comes_from(i), i))
        desired = [max(-half, min(half, comes_from(i) - x[vertex])) for i in segments]
        distance = min(16.0, 2 * half / max(1, len(segments) - 1))
        row = spread(desired, [1.0] * len(segments), [distance] * len(segments))
        last = len(row) - 1
        for k, (i, at) in enumerate(zip(segments, row, strict=True)):
            inside = max(-half + k * distance, min(half - (last - k) * distance, at))
            spots[i] = x[vertex] + inside
    return spots
