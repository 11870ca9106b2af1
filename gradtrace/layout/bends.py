"""Layers: which vertex stands below which, and the bends of the edges that pass others by."""

from gradtrace.layout.level import LayerGraph, Segment, Work

_LONGEST = (24, 12, 6, 3)
"""Over how many layers an edge is led by bends; the first of these that keeps to the budget. A longer one takes a
lane."""
_BUDGET, _SMALL_BUDGET, _MANY = 4, 1, 3000
"""Bends for each vertex and segment; fewer in a level with many vertices."""


def assign_layers(graph: LayerGraph, step: int) -> list[int]:
    """Longest path from the top; then what has no producer moves down to its first consumer."""
    n = len(graph.sizes)
    below: list[list[int]] = [[] for _ in range(n)]
    has_producer = [False] * n
    for segment in _forward(graph):
        below[segment.upper].append(segment.lower)
        has_producer[segment.lower] = True
    first_box, first_out = graph.n_ins, n - graph.n_outs
    layer = [0] * n
    for vertex in range(first_box, first_out):
        layer[vertex] = step if graph.n_ins else 0
    for vertex in range(n):
        for lower in below[vertex]:
            layer[lower] = max(layer[lower], layer[vertex] + step)
    for vertex in range(first_out - 1, first_box - 1, -1):
        if not has_producer[vertex] and below[vertex]:
            layer[vertex] = min(layer[lower] for lower in below[vertex]) - step
    last = max(layer[:first_out], default=0) + 1
    for vertex in range(first_out, n):
        layer[vertex] = last
    return layer


def _forward(graph: LayerGraph) -> list[Segment]:
    return [segment for segment in graph.segments if segment.upper < segment.lower]


def bend_edges(graph: LayerGraph, work: Work) -> None:
    """Give each segment its stops: bends in the layers between, or a lane, and a bend for its label."""
    spans = [work.layer[s.lower] - work.layer[s.upper] for s in graph.segments]
    n_bends = _BUDGET if len(graph.sizes) <= _MANY else _SMALL_BUDGET
    budget = n_bends * (len(graph.sizes) + len(spans)) + 100
    longest = next((limit for limit in _LONGEST if sum(n for n in spans if n <= limit) <= budget), 1)
    for segment, span in zip(graph.segments, spans, strict=True):
        lane = span > longest or segment.upper >= segment.lower
        stops, label_bend = [segment.upper], None
        end = work.layer[segment.lower]
        label = segment.label if end > 0 else None
        first = end - (1 if label else 0) if lane else work.layer[segment.upper] + 1
        for layer in range(first, end):
            width, height = label if label and layer == end - 1 else (0.0, 0.0)
            stops.append(len(work.layer))
            if height:
                label_bend = stops[-1]
            work.port.append(-width / 2)
            work.widths.append(width)
            work.heights.append(height)
            work.layer.append(layer)
        stops.append(segment.lower)
        work.stops.append(stops)
        work.lanes.append(0 if lane else None)
        work.label_bends.append(label_bend)
        work.upper_port.append(segment.upper_port)
        work.lower_port.append(segment.lower_port)
    _connect(graph, work)


def _connect(graph: LayerGraph, work: Work) -> None:
    """Note for each vertex and bend its neighbours in the layers above and below."""
    n = len(work.layer)
    work.above, work.below = [[] for _ in range(n)], [[] for _ in range(n)]
    work.own_above, work.own_below = [[] for _ in range(n)], [[] for _ in range(n)]
    for segment, stops, lane in zip(graph.segments, work.stops, work.lanes, strict=True):
        for i in range(len(stops) - 1):
            if lane == i:
                continue
            upper, lower = stops[i], stops[i + 1]
            upper_dx = _offset(work, upper, segment.upper_port if i == 0 else None)
            lower_dx = _offset(work, lower, segment.lower_port if i == len(stops) - 2 else None)
            work.above[lower].append((upper, upper_dx))
            work.own_above[lower].append(lower_dx)
            work.below[upper].append((lower, lower_dx))
            work.own_below[upper].append(upper_dx)


def _offset(work: Work, vertex: int, port: float | None) -> float:
    return work.port[vertex] if port is None else port - work.widths[vertex] / 2
