"""The tensor at which a pass was to start."""

from __future__ import annotations

from gradtrace.diagnosis.evidence.timeline import same_place
from gradtrace.model import Location, Node, Root, Trace


def root_of(trace: Trace, place: Location | None) -> tuple[Root | None, Node | None]:
    """The root of the pass that was asked for at a place (also when it never began), and its node."""
    named = trace.passes[::-1]
    tried = [one for one in named if one.error is not None and same_place(one.location, place)]
    for backward in (*tried, *(one for one in named if one.is_drawn_only)):
        for root in backward.roots:
            if root.value is not None and root.value.numel == 1:
                continue
            text = place.text if place is not None else ""
            if backward.is_drawn_only and root.name is not None and root.name not in text:
                continue
            node = backward.graph.nodes[root.node] if backward.graph is not None and root.node is not None else None
            return root, node
    return None, None
