"""Where values that had left the graph came back into it, as constants."""

from __future__ import annotations

from collections import defaultdict

from gradtrace.analysis.topology import Adjacency, forward_order
from gradtrace.model import BackwardPass, Cut, Location, Trace


def cut_places(trace: Trace, backward: BackwardPass) -> dict[int, list[Cut]]:
    """The cuts whose values came back into the graph of a pass, by the node that took them in.

    Of the nodes that were made at that place the last one in forward order stands for all: what a call computes last
    is what it was called for.
    """
    by_place: defaultdict[tuple[str, int, int], list[Cut]] = defaultdict(list)
    for cut in trace.cuts:
        if cut.reentry is not None and backward.index in cut.passes and cut.process == backward.process:
            by_place[_key(cut.reentry)].append(cut)
    graph = backward.graph
    if not by_place or graph is None:
        return {}
    last: dict[tuple[str, int, int], int] = {}
    for node in forward_order(graph, Adjacency(graph)):
        place = graph.nodes[node].location
        if place is not None and _key(place) in by_place:
            last[_key(place)] = node
    found: defaultdict[int, list[Cut]] = defaultdict(list)
    for key, node in last.items():
        found[node] += by_place[key]
    return {node: sorted(cuts, key=lambda cut: cut.id) for node, cuts in sorted(found.items())}


def _key(place: Location) -> tuple[str, int, int]:
    return place.file, place.line, place.column
