"""One level of a layered layout: the vertices of one module in layers, with the curves between them."""

from gradtrace.layout.bends import assign_layers, bend_edges
from gradtrace.layout.columns import SIDE_GAP, columns
from gradtrace.layout.level import Arrangement, LayerGraph, Work
from gradtrace.layout.order import order_layers
from gradtrace.layout.spots import route_segments

LAYER_GAP = 30.0
LABEL_GAP = 12.0
"""Above and below a layer of labels."""
SHELF_WIDTH = 900.0
"""Vertices without edges stand below the others, in shelves of about this width."""
_STEEP = 0.07
"""A gap is made higher by this share of the widest horizontal way in it."""


def arrange(graph: LayerGraph) -> Arrangement:
    """Place the vertices of one level and route its segments."""
    labelled = any(segment.label for segment in graph.segments)
    work = Work([w for w, _ in graph.sizes], [h for _, h in graph.sizes], assign_layers(graph, 2 if labelled else 1))
    work.port = [0.0] * len(graph.sizes)
    bend_edges(graph, work)
    linked = {stop for stops in work.stops for stop in stops}
    alone = [v for v in range(len(graph.sizes)) if v not in linked]
    layers: list[list[int]] = [[] for _ in range(max(work.layer, default=-1) + 1)]
    for vertex, layer in enumerate(work.layer):
        if vertex in linked:
            layers[layer].append(vertex)
    layers = order_layers(layers, _relative(work, work.above), _relative(work, work.below))
    x = columns(layers, work, len(graph.sizes), (graph.n_ins, graph.n_outs))
    tops, bottoms = _rows(layers, work, x, labelled=labelled)
    return _finish(graph, work, alone, x, (tops, bottoms))


def _rows(layers: list[list[int]], work: Work, x: list[float], *, labelled: bool) -> tuple[list[float], list[float]]:
    """Top and bottom of each layer."""
    tops, bottoms = [], []
    y, is_begun = 0.0, False
    for layer in layers:
        if layer and is_begun:
            widest = max((abs(x[v] - x[other]) for v in layer for other, _ in work.above[v]), default=0.0)
            y += (LABEL_GAP if labelled else LAYER_GAP) + min(60.0, _STEEP * widest)
        is_begun = is_begun or bool(layer)
        tops.append(y)
        y += max((work.heights[v] for v in layer), default=0.0)
        bottoms.append(y)
    return tops, bottoms


def _finish(
    graph: LayerGraph, work: Work, alone: list[int], x: list[float], rows: tuple[list[float], list[float]]
) -> Arrangement:
    """Turn centres into corners, route the segments, and put what has no edges below."""
    tops, bottoms = rows
    n = len(graph.sizes)
    placed = [v for v in range(len(x)) if v not in set(alone)]
    left = min((x[v] - work.widths[v] / 2 for v in placed), default=0.0)
    x = [at - left for at in x]
    width = max((x[v] + work.widths[v] / 2 for v in placed), default=0.0)
    height = bottoms[-1] if bottoms else 0.0
    y = [0.0] * len(x)
    for v in placed:
        top, bottom = tops[work.layer[v]], bottoms[work.layer[v]]
        sits_low = v < n and not work.above[v] and v >= graph.n_ins
        y[v] = bottom - work.heights[v] if sits_low else (top + bottom - work.heights[v]) / 2
    routes, labels, width = route_segments(graph, work, (x, y), rows, width)
    shelf_y = height + (LAYER_GAP if placed else 0.0)
    width, height = _shelve(alone, work, (x, y), width, shelf_y) if alone else (width, height)
    positions = tuple((x[v] - work.widths[v] / 2, y[v]) for v in range(n))
    return Arrangement(width, height, positions, tuple(routes), tuple(labels))


def _shelve(
    alone: list[int], work: Work, places: tuple[list[float], list[float]], width: float, y: float
) -> tuple[float, float]:
    """Stand vertices without edges side by side, below the others."""
    limit = max(width, SHELF_WIDTH)
    x = shelf = 0.0
    for v in alone:
        if x and x + work.widths[v] > limit:
            x, y, shelf = 0.0, y + shelf + SIDE_GAP, 0.0
        places[0][v], places[1][v] = x + work.widths[v] / 2, y
        x += work.widths[v] + SIDE_GAP
        width, shelf = max(width, x - SIDE_GAP), max(shelf, work.heights[v])
    return width, y + shelf


def _relative(work: Work, neighbours: list[list[tuple[int, float]]]) -> list[list[tuple[int, float]]]:
    """Attachments as shares of the neighbour's width, for ordering."""
    return [[(other, dx / work.widths[other] if dx else 0.0) for other, dx in row] for row in neighbours]
