"""Lets the program free a deep graph that was walked.

Torch keeps the Python object of every node that was ever looked at, and frees such nodes by recursion: a chain of
60,000 that has been walked would overflow a stack of 8 MiB when the program drops it, though the same chain, never
looked at, is freed in a loop. So a few nodes of a deep graph are held, far enough apart that the way from one to the
next is short. A marker in a node above each of them tells when that part of the graph has been freed; the next one is
let go when our code runs next.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from gradtrace.recorder.walk import Walk

_STRETCH = 1_000
_DEEP = 5_000
_KEY = "gradtrace"

_held: dict[int, Any] = {}
_freed: deque[int] = deque()
_numbers = iter(range(2**63))


class _Marker:
    """Stands in the metadata of a node, and dies with it."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def add(self, number: int) -> None:
        self._numbers.append(number)

    def __del__(self) -> None:
        _freed.extend(self._numbers)


def keep_from_recursion(walk: Walk) -> None:
    """Hold nodes of a deep graph at distances of some thousand, as long as the program has the graph."""
    let_go()
    if len(walk.ids) < _DEEP:
        return
    stretches = _stretches(walk)
    if not stretches or max(stretches) * _STRETCH < _DEEP:
        return
    nodes = list(walk.ids)
    held: set[int] = set()
    markers: dict[int, _Marker] = {}
    for source, target in zip(walk.sources, walk.targets, strict=True):
        if stretches[source] == stretches[target] or target in held:
            continue
        held.add(target)
        metadata = nodes[source].metadata
        if source not in markers:
            if _KEY in metadata:  # a retained graph, held since an earlier pass
                continue
            markers[source] = metadata[_KEY] = _Marker()
        number = next(_numbers)
        _held[number] = nodes[target]
        markers[source].add(number)


def let_go() -> None:
    """Release the nodes above which the graph has been freed."""
    while _freed:
        _held.pop(_freed.popleft(), None)


def _stretches(walk: Walk) -> list[int]:
    """For each node by how many stretches it lies below the roots, on the longest way."""
    n_nodes = len(walk.ids)
    waiting = [0] * n_nodes
    for target in walk.targets:
        waiting[target] += 1
    depths = [0] * n_nodes
    ready = [number for number in range(n_nodes) if not waiting[number]]
    while ready:
        number = ready.pop()
        below = depths[number] + 1
        for edge in range(walk.first_edge[number], walk.first_edge[number + 1]):
            target = walk.targets[edge]
            depths[target] = max(depths[target], below)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return [depth // _STRETCH for depth in depths]
