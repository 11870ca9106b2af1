"""Cuts: where a value left the graph, drawn where it came back as a constant."""

from collections.abc import Sequence

from gradtrace.analysis.cut_places import cut_places
from gradtrace.analysis.view import View, item_of_node
from gradtrace.model import BackwardPass, Cut, Finding, Leaf, Trace
from gradtrace.renderers.picture.scene.finding_pins import badges, told
from gradtrace.renderers.picture.scene.model import Box, Row, Span
from gradtrace.text import cut_words, wording
from gradtrace.text.escape import visible

_MOST_NAMES = 3


def cuts_in(trace: Trace, backward: BackwardPass, view: View) -> dict[int, list[Cut]]:
    """The cuts whose values came back into the graph of a pass, by the item that took them in."""
    places = cut_places(trace, backward)
    items = item_of_node(view) if places else []
    found: dict[int, list[Cut]] = {}
    for node, cuts in places.items():
        found.setdefault(items[node], []).extend(cuts)
    return found


def cut_box(cut: Cut, leaves: Sequence[Leaf], cluster: int | None, findings: list[Finding]) -> Box:
    """A greyed box for the value that was cut off, which says why and whose gradient ends there."""
    call = cut_words.call(cut)
    title: Row = (Span("cut", "title"), Span(visible(call, 32), "strong"))
    if cut.source:
        title += (Span(visible(cut.source, 32), "name"),)
    rows: list[Row] = [title]
    place = wording.location(cut.location)
    if place:
        rows.append((Span(visible(place, 40), "muted"),))
    lost = cut_words.lost_to(cut, leaves)
    if lost:
        rows.append((Span(lost),))
    rows += badges(findings)
    names = [leaves[leaf].name for leaf in cut.leaves[:20] if leaf < len(leaves)]
    tooltip = [
        cut_words.cut_off(cut),
        cut.location.text if cut.location is not None else "",
        *names,
        *told(findings),
    ]
    return Box("cut", tuple(rows), "\n".join(visible(line.strip(), 160) for line in tooltip if line), cluster)


def unreached(trace: Trace, backward: BackwardPass) -> tuple[str, ...]:
    """A note that names the leaves which require a gradient and are not in the graph of the pass at all."""
    graph = backward.graph
    if graph is None or backward.is_drawn_only:
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
