"""Order: which vertex of a layer stands left of which, so that few edges cross."""

from collections.abc import Sequence

_SWEEPS = 4
_COUNTING_LIMIT = 20_000
"""With more hops than this, crossings are not counted: the order after the last sweep is taken."""

Neighbours = Sequence[Sequence[tuple[int, float]]]
"""For each vertex its neighbours in one direction, each with where on it the edge attaches (-0.5 left edge … 0.5 right
edge)."""


def order_layers(layers: list[list[int]], above: Neighbours, below: Neighbours) -> list[list[int]]:
    """Sort each layer by the mean position of its neighbours, sweeping down and up; the best order found wins."""
    if all(len(layer) == 1 for layer in layers):
        return layers
    position = [0.0] * len(above)
    for layer in layers:
        _number(layer, position)
    n_hops = sum(map(len, above))
    best = [list(layer) for layer in layers]
    fewest = _crossings(best, above, position) if n_hops <= _COUNTING_LIMIT else -1
    for sweep in range(_SWEEPS * 2):
        if fewest == 0:
            break
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            _sort(layer, above if downwards else below, position)
        if fewest < 0:
            continue
        crossings = _crossings(layers, above, position)
        if crossings < fewest:
            fewest, best = crossings, [list(layer) for layer in layers]
    return best if fewest >= 0 else layers


def _number(layer: list[int], position: list[float]) -> None:
    for i, vertex in enumerate(layer):
        position[vertex] = float(i)


def _sort(layer: list[int], neighbours: Neighbours, position: list[float]) -> None:
    if len(layer) < 2:  # noqa: PLR2004
        return
    wanted = {}
    for vertex in layer:
        seen = neighbours[vertex]
        total = 0.0
        for other, dx in seen:  # not sum(): since Python 3.12 that rounds otherwise than the page's own addition
            total += position[other] + dx
        wanted[vertex] = total / len(seen) if seen else position[vertex]
    layer.sort(key=lambda vertex: (wanted[vertex], position[vertex]))
    _number(layer, position)


def _crossings(layers: list[list[int]], above: Neighbours, position: list[float]) -> int:
    """How many pairs of hops between adjacent layers cross, counted with a Fenwick tree."""
    for layer in layers:
        _number(layer, position)
    total = 0
    for layer in layers:
        ends = sorted((position[other] + dx, position[vertex]) for vertex in layer for other, dx in above[vertex])
        if len(ends) < 2:  # noqa: PLR2004
            continue
        tree = [0] * (len(layer) + 1)
        for n_before, (_, lower) in enumerate(ends):
            not_right = 0
            i = int(lower) + 1
            while i:
                not_right += tree[i]
                i &= i - 1
            total += n_before - not_right
            i = int(lower) + 1
            while i < len(tree):
                tree[i] += 1
                i += i & -i
    return total
