"""Backward passes that ended in a custom Function whose `backward` returned something wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes, of_pass
from gradtrace.model import Finding, Severity, Trace


def wrong_return(trace: Trace, rule: str, pattern: str, tell: Callable[..., str], advice: str) -> Iterator[Finding]:
    """A finding at the `backward` of which torch complains.

    Args:
        trace: the run.
        rule: its name.
        pattern: what torch says; its groups are the Function's name and whatever `tell` needs.
        tell: the message, from the groups.
        advice: what to do.
    """
    found = failure(trace, pattern)
    said = re.search(pattern, found.message) if found is not None else None
    if found is None or said is None:
        return
    node = found.node
    place = node.backward_location if node is not None and node.backward_location is not None else found.place
    told = notes(
        (node.location if node is not None else None, "the function is applied here"),
        (found.place, "backward runs from here"),
    )
    elsewhere = tuple(note for note in told if note.location != place)
    yield Finding(rule, Severity.ERROR, tell(*said.groups()), place, elsewhere, advice, (), of_pass(found.backward))
