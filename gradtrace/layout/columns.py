"""Columns: where in its layer each vertex stands, as near as possible to where its neighbours want it."""

from collections.abc import Iterator, Sequence

from gradtrace.layout.level import Work

SIDE_GAP = 16.0
"""Between two boxes of a layer."""
_BEND_GAP = 10.0
"""Between a bend and its neighbour."""
ATTACH = 0.42
"""An edge touches a box within this share of its width from its middle."""
_SWEEPS, _FEWER_SWEEPS, _MANY = 6, 2, 3000
"""So often down and up; fewer times in a level with many vertices and bends."""
_FOLLOW = 0.9
"""How far the bends of an edge follow the one that had to give way most; at last they do so wholly."""
_PULL, _SIDE_PULL, _BEND_PULL, _REST = 3.0, 1.0, 6.0, 0.05
"""How strongly a neighbour attracts; one that has no producer less, so that the main line is straight; bends; no
neighbours."""


def spread(desired: Sequence[float], weights: Sequence[float], distances: Sequence[float]) -> list[float]:
    """The positions nearest to the desired ones that keep their order and their distances.

    Least squares with weights, solved exactly in one pass by pooling adjacent violators.

    Args:
        desired: where each would like to be.
        weights: how much each counts, above 0.
        distances: the least distance of each to the one before it; the first is ignored.
    """
    if len(desired) == 1:
        return [desired[0]]
    blocks: list[tuple[float, float, int]] = []  # weight, weighted sum of desired positions, how many
    offset, offsets = 0.0, []
    for i, target in enumerate(desired):
        offset += distances[i] if i else 0.0
        offsets.append(offset)
        weight, total, n = weights[i], weights[i] * (target - offset), 1
        while blocks and blocks[-1][1] * weight >= total * blocks[-1][0]:
            before = blocks.pop()
            weight, total, n = weight + before[0], total + before[1], n + before[2]
        blocks.append((weight, total, n))
    positions: list[float] = []
    for weight, total, n in blocks:
        mean = total / weight
        positions += [mean + offsets[i] for i in range(len(positions), len(positions) + n)]
    return positions


def columns(layers: list[list[int]], work: Work, n_vertices: int, n_ports: tuple[int, int]) -> list[float]:
    """The centre of each vertex and bend; `n_ports` of the vertices are ports, the first and the last ones."""
    x = [0.0] * len(work.layer)
    gaps = [_distances(layer, work, n_vertices) for layer in layers]
    for layer, gap in zip(layers, gaps, strict=True):
        for vertex, at in zip(layer, spread([0.0] * len(layer), [1.0] * len(layer), gap), strict=True):
            x[vertex] = at
    boxes = range(n_ports[0], n_vertices - n_ports[1])
    n_sweeps = 2 * (_SWEEPS if len(x) <= _MANY else _FEWER_SWEEPS)
    for sweep in range(n_sweeps + 2):
        is_last = sweep >= n_sweeps
        downwards = sweep % 2 == 0
        fixed = dict(_lines(work, x, 1.0 if is_last else _FOLLOW))
        middle = _middle(work, x, boxes)
        for number in range(len(layers)) if downwards else range(len(layers) - 1, -1, -1):
            desired, weights = [], []
            for vertex in layers[number]:
                if vertex in boxes:
                    target, weight = _desired(
                        work, x, vertex, above=downwards or is_last, below=not downwards or is_last
                    )
                else:
                    target, weight = fixed.get(vertex, middle), _BEND_PULL
                desired.append(target)
                weights.append(weight)
            for vertex, at in zip(layers[number], spread(desired, weights, gaps[number]), strict=True):
                x[vertex] = at
    return x


def _desired(work: Work, x: list[float], vertex: int, *, above: bool, below: bool) -> tuple[float, float]:
    """Where a box wants to stand by its neighbours above or below, and how much."""
    total = weight = 0.0
    is_side = not work.above[vertex]
    for is_used, neighbours, owns in (
        (above, work.above[vertex], work.own_above[vertex]),
        (below, work.below[vertex], work.own_below[vertex]),
    ):
        for (other, dx), own in zip(neighbours if is_used else (), owns, strict=False):
            pull = _SIDE_PULL if is_side or not work.above[other] else _PULL
            total += pull * (x[other] + dx - own)
            weight += pull
    return (total / weight, weight) if weight else (x[vertex], _REST)


def _middle(work: Work, x: list[float], boxes: range) -> float:
    """Where ports want to be: amidst the boxes, so that modules which follow each other stand in one column."""
    left = min((x[box] - work.widths[box] / 2 for box in boxes), default=0.0)
    return (left + max((x[box] + work.widths[box] / 2 for box in boxes), default=0.0)) / 2


def _lines(work: Work, x: list[float], follow: float) -> Iterator[tuple[int, float]]:
    """Where each bend should stand so that its edge is a straight line from a spot on one box to one on the other."""
    for segment, stops in enumerate(work.stops):
        bends = stops[1:-1]
        if not bends:
            continue
        upper, upper_half = _reach(work, x, stops[0], work.upper_port[segment])
        lower, lower_half = _reach(work, x, stops[-1], work.lower_port[segment])
        line = middle = (upper + lower) / 2
        now = [x[bend] + work.port[bend] for bend in bends]
        left, right = min(now), max(now)
        furthest = right if right - middle >= middle - left else left
        if len(bends) > 1:
            # Follow the bend that had to give way most, so that the others come along and the line stays straight.
            line = middle + follow * (furthest - middle)
        else:
            left, right = max(upper - upper_half, lower - lower_half), min(upper + upper_half, lower + lower_half)
            line = min(max(furthest, left), right) if left <= right else middle
        for bend in bends:
            yield bend, line - work.port[bend]


def _reach(work: Work, x: list[float], vertex: int, port: float | None) -> tuple[float, float]:
    """Around which point an edge may touch a vertex, and how far from it: anywhere on a box, nowhere but at a port."""
    if port is None:
        return x[vertex], ATTACH * work.widths[vertex]
    return x[vertex] - work.widths[vertex] / 2 + port, 0.0


def _distances(layer: list[int], work: Work, n_vertices: int) -> list[float]:
    """From each centre to the next."""
    distances = [0.0] * len(layer)
    for i in range(1, len(layer)):
        left, right = layer[i - 1], layer[i]
        gap = SIDE_GAP if left < n_vertices and right < n_vertices else _BEND_GAP
        distances[i] = (work.widths[left] + work.widths[right]) / 2 + gap
    return distances
