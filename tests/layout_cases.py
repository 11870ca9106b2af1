"""Levels to lay out, and where everything then stands: what the engines in Python and in TypeScript must agree on.

`python tests/layout_cases.py` writes `layout_cases.json` anew from the Python engine.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradtrace.layout.layers import arrange
from gradtrace.layout.level import LayerGraph, Segment

FILE = Path(__file__).with_suffix(".json")

_BOX = (60.0, 30.0)
_LABEL = (40.0, 14.0)


def _boxes(n: int, segments: list[tuple[int, int]], label: tuple[float, float] | None = None) -> LayerGraph:
    return LayerGraph((_BOX,) * n, 0, 0, tuple(Segment(a, None, b, None, label) for a, b in segments))


def _chain(n: int) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(n - 1)]


def _module() -> LayerGraph:
    """Two ports above, two boxes that both take, one port below, and a box of fixed ports."""
    sizes = ((0.0, 0.0), (0.0, 0.0), (80.0, 30.0), (120.0, 56.0), (50.0, 20.0), (0.0, 0.0))
    ways = (
        (0, None, 2, None),
        (1, None, 3, 20.0),
        (2, None, 3, 100.0),
        (0, None, 4, None),
        (3, 60.0, 5, None),
        (4, None, 5, None),
    )
    return LayerGraph(sizes, 2, 1, tuple(Segment(*way) for way in ways))


def _random(seed: int) -> LayerGraph:
    """Boxes of any size with edges, labels and ports at random; some edges are long, some stand alone."""
    dice = random.Random(seed)

    def size(low: int, high: int) -> float:
        return float(dice.randint(low, high))

    n_ins, n_boxes, n_outs = dice.randint(0, 3), dice.randint(4, 22), dice.randint(0, 2)
    sizes = [(0.0, 0.0)] * n_ins
    sizes += [(size(20, 200), size(15, 90)) for _ in range(n_boxes)]
    sizes += [(0.0, 0.0)] * n_outs
    first, last = n_ins, n_ins + n_boxes
    pairs = [(dice.randrange(vertex), vertex) for vertex in range(first + 1, last) for _ in range(dice.randint(0, 2))]
    pairs += [(vertex, dice.randrange(first, last)) for vertex in range(n_ins)]
    pairs += [(dice.randrange(first, last), last + port) for port in range(n_outs)]

    def port(vertex: int) -> float | None:
        return round(sizes[vertex][0] * dice.random(), 2) if first <= vertex < last and dice.random() < 0.25 else None

    labels = dice.random() < 0.5
    segments = [
        Segment(a, port(a), b, port(b), (size(20, 70), 14.0) if labels and b < last and dice.random() < 0.6 else None)
        for a, b in pairs
    ]
    return LayerGraph(tuple(sizes), n_ins, n_outs, tuple(segments))


def graphs() -> Iterator[tuple[str, LayerGraph]]:
    """Every case by its name."""
    yield "nothing", LayerGraph((), 0, 0, ())
    yield "one box", _boxes(1, [])
    yield "a chain", _boxes(4, _chain(4))
    yield "a chain with labels", _boxes(4, _chain(4), _LABEL)
    yield "a diamond", _boxes(4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    yield "parallel edges", _boxes(2, [(0, 1), (0, 1)], _LABEL)
    yield "a residual", _boxes(6, [*_chain(6), (0, 4)])
    yield "a fan-in with labels", _boxes(6, [(i, 5) for i in range(5)], _LABEL)
    yield "an edge that takes a lane", _boxes(30, [*_chain(30), (0, 29), (1, 28), (3, 5)], _LABEL)
    yield "an edge against the order", _boxes(3, [*_chain(3), (2, 0)], _LABEL)
    yield "boxes without edges", _boxes(20, [(0, 1)])
    yield "a bipartite crowd", _boxes(12, [(a, b) for a in range(6) for b in range(6, 12) if (a * b) % 5 < 3])
    yield "a module", _module()
    yield from ((f"at random {seed}", _random(seed)) for seed in range(24))


def _rounded(numbers: Any) -> Any:
    """Nested numbers with four places, and no negative zero."""
    if isinstance(numbers, (list, tuple)):
        return [_rounded(one) for one in numbers]
    return numbers if numbers is None else round(numbers, 4) + 0.0


def cases() -> list[dict[str, Any]]:
    """All cases as they stand in the file."""
    found = []
    for name, graph in graphs():
        placed = arrange(graph)
        segments = [[s.upper, s.upper_port, s.lower, s.lower_port, s.label] for s in graph.segments]
        found.append(
            {
                "name": name,
                "graph": {"sizes": graph.sizes, "nIns": graph.n_ins, "nOuts": graph.n_outs, "segments": segments},
                "size": _rounded((placed.width, placed.height)),
                "positions": _rounded(placed.positions),
                "labels": _rounded(placed.labels),
                "routes": [_rounded([number for point in route for number in point]) for route in placed.routes],
            }
        )
    return found


def written() -> str:
    """The file's text: one case a line."""
    lines = (json.dumps(case, separators=(",", ":")) for case in cases())
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
