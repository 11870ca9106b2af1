"""Cuts: where a value left the graph, drawn where it came back as a constant."""

from collections.abc import Sequence

from gradtrace.analysis.view import View
from gradtrace.model import BackwardPass, Cut, Leaf, Location, Trace
from gradtrace.renderers import cut_words, wording
from gradtrace.renderers.escape import visible
from gradtrace.renderers.scene.model import Box, Row, Span

_MOST_NAMES = 3


def cuts_in(trace: Trace, backward: BackwardPass, view: View) -> dict[int, list[Cut]]:
    """The cuts whose values came back into the graph of a pass, by the item that took them in."""
    places = [cut for cut in trace.cuts if backward.index in cut.passes and cut.process == backward.process]
    by_line: dict[tuple[str, int], list[Cut]] = {}
    for cut in places:
        if cut.reentry is not None:
            by_line.setdefault((cut.reentry.file, cut.reentry.line), []).append(cut)
    last: dict[int, tuple[Cut, int]] = {}
    for item in view.items if by_line else ():
        for place in _places(view, item.nodes[: len(item.nodes) // item.copies]):
            for cut in by_line.get((place.file, place.line), ()):
                if _is_at(place, cut.reentry):
                    last[cut.id] = (cut, item.id)  # what a call computes last is what it was called for
    found: dict[int, list[Cut]] = {}
    for cut, item_id in last.values():
        found.setdefault(item_id, []).append(cut)
    return found


def _places(view: View, nodes: Sequence[int]) -> list[Location]:
    places = (view.graph.nodes[node].location for node in nodes)
    return [place for place in places if place is not None]


def _is_at(place: Location, reentry: Location | None) -> bool:
    return reentry is not None and place.column == reentry.column


def cut_box(cut: Cut, leaves: Sequence[Leaf], cluster: int | None) -> Box:
    """A greyed box for the value that was cut off, which says why and whose gradient ends there."""
    call = cut_words.call(cut)
    title: Row = (Span("cut", "title"), Span(visible(call, 32), "strong"))
    if cut.source:
        title += (Span(visible(cut.source, 32), "name"),)
    rows: list[Row] = [title]
    place = wording.location(cut.location)
    if place:
        rows.append((Span(visible(place, 40), "muted"),))
    names = [visible(leaves[leaf].name, 40) for leaf in cut.leaves if leaf < len(leaves)]
    if names:
        rows.append((Span(f"no gradient this way to {wording.listing(names, _MOST_NAMES)}"),))
    tooltip = [cut_words.cut_off(cut), cut.location.text if cut.location is not None else "", *names[:20]]
    return Box("cut", tuple(rows), "\n".join(visible(line.strip(), 160) for line in tooltip if line), cluster)


def unreached(trace: Trace, backward: BackwardPass) -> tuple[str, ...]:
    """A note that names the leaves which require a gradient and are not in the graph of the pass at all."""
    graph = backward.graph
    if graph is None or backward.call == "none":
        return ()
    there = {node.leaf for node in graph.nodes}
    names = [
        leaf.name
        for leaf in trace.leaves
        if leaf.requires_grad and leaf.id not in there and leaf.process == backward.process
    ]
    if not names:
        return ()
    who = wording.listing([visible(name, 40) for name in names], _MOST_NAMES)
    return (f"not in this graph, so no gradient in this pass: {who}",)
