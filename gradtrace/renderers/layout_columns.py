"""Columns: where in its layer each vertex stands, as near as possible to where its neighbours want it."""

from collections.abc import Sequence

from gradtrace.renderers.layout_level import Work

SIDE_GAP = 16.0
"""Between two boxes of a layer."""
_BEND_GAP = 10.0
"""Between a bend and its neighbour."""
ATTACH = 0.42
"""An edge touches a box within this share of its width from its middle."""
_SWEEPS = 6
_PULL, _SIDE_PULL, _BEND_PULL, _REST = 3.0, 1.0, 6.0, 0.05
"""How strongly a neighbour attracts; one that has no producer less, so that the main line is straight; bends; no
neighbours."""


def spread(wishes: Sequence[float], weights: Sequence[float], distances: Sequence[float]) -> list[float]:
    """The positions nearest to the wishes that keep their order and their distances.

    Least squares with weights, solved exactly in one pass by pooling adjacent violators.

    Args:
        wishes: where each would like to be.
        weights: how much each wish counts, above 0.
        distances: the least distance of each to the one before it; the first is ignored.
    """
    blocks: list[tuple[float, float, int]] = []  # weight, weighted sum of wishes, how many
    offset, offsets = 0.0, []
    for i, wish in enumerate(wishes):
        offset += distances[i] if i else 0.0
        offsets.append(offset)
        weight, total, n = weights[i], weights[i] * (wish - offset), 1
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
    """The centre of each vertex and bend."""
    x = [0.0] * len(work.layer)
    gaps = [_distances(layer, work, n_vertices) for layer in layers]
    for layer, gap in zip(layers, gaps, strict=True):
        row = spread([0.0] * len(layer), [1.0] * len(layer), gap)
        for vertex, at in zip(layer, row, strict=True):
            x[vertex] = at
    side = [not row and vertex < n_vertices for vertex, row in enumerate(work.above)]
    boxes = range(n_ports[0], n_vertices - n_ports[1])
    for sweep in range(_SWEEPS * 2 + 2):
        last = sweep >= _SWEEPS * 2
        downwards = sweep % 2 == 0
        line = _lines(work, x)
        middle = _middle(work, x, boxes)
        order = range(len(layers)) if downwards else range(len(layers) - 1, -1, -1)
        for number in order:
            layer = layers[number]
            wishes, weights = [], []
            for vertex in layer:
                if vertex >= n_vertices:
                    wishes.append(line[vertex - n_vertices])
                    weights.append(_BEND_PULL)
                    continue
                if vertex not in boxes:
                    wishes.append(middle)
                    weights.append(_BEND_PULL)
                    continue
                total = weight = 0.0
                for is_used, neighbours, owns in (
                    (downwards or last, work.above[vertex], work.own_above[vertex]),
                    (not downwards or last, work.below[vertex], work.own_below[vertex]),
                ):
                    for (other, dx), own in zip(neighbours if is_used else (), owns, strict=False):
                        pull = _SIDE_PULL if side[vertex] or side[other] else _PULL
                        total += pull * (x[other] + dx - own)
                        weight += pull
                wishes.append(total / weight if weight else x[vertex])
                weights.append(weight or _REST)
            for vertex, at in zip(layer, spread(wishes, weights, gaps[number]), strict=True):
                x[vertex] = at
    return x


def _middle(work: Work, x: list[float], boxes: range) -> float:
    """Where ports want to be: amidst the boxes, so that modules which follow each other stand in one column."""
    left = min((x[box] - work.widths[box] / 2 for box in boxes), default=0.0)
    return (left + max((x[box] + work.widths[box] / 2 for box in boxes), default=0.0)) / 2


def _lines(work: Work, x: list[float]) -> list[float]:
    """Where each bend should stand so that its edge is one straight line, from somewhere on one box to somewhere on the other."""
    wishes: list[float] = []
    for segment, stops in enumerate(work.stops):
        bends = stops[1:-1]
        if not bends:
            continue
        upper, upper_half = _reach(work, x, stops[0], work.upper_port[segment])
        lower, lower_half = _reach(work, x, stops[-1], work.lower_port[segment])
        middle = (upper + lower) / 2
        # Follow the bend that had to give way most, so that the others come along and the line stays straight.
        line = middle + max((x[bend] + work.port[bend] - middle for bend in bends), key=abs)
        left = max(upper - upper_half, lower - lower_half)
        right = min(upper + upper_half, lower + lower_half)
        if left <= right:
            line = min(max(line, left), right) if len(bends) == 1 else middle + 0.9 * (line - middle)
        else:
            line = middle + (0.9 * (line - middle) if len(bends) > 1 else 0.0)
        wishes += [line - work.port[bend] for bend in bends]
    return wishes


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
