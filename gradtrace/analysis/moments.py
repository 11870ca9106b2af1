"""What happened, in order: passes, and the events between them."""

from __future__ import annotations

from collections.abc import Container

from gradtrace.model import BackwardPass, Event, EventKind, Trace

BETWEEN = frozenset(EventKind) - {EventKind.BACKWARD}
"""All kinds of events but those that stand for passes."""


def moments(trace: Trace, kinds: Container[EventKind] = BETWEEN) -> list[BackwardPass | Event]:
    """The passes that ran, and the events of some kinds: an event follows the pass that it names."""
    keyed: list[tuple[tuple[int, int, int], BackwardPass | Event]] = [
        ((one.index, 0, 0), one) for one in trace.passes if not one.is_drawn_only
    ]
    keyed += [((event.pass_index, 1, event.order), event) for event in trace.events if event.kind in kinds]
    return [moment for _, moment in sorted(keyed, key=lambda pair: pair[0])]
