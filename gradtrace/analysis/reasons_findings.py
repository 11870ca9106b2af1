"""What the ledger and the rules say of a tensor that is asked about: the same as everywhere else."""

from __future__ import annotations

import re
from dataclasses import replace

from gradtrace.analysis.ledger import ledger
from gradtrace.analysis.reasons_answer import Subject
from gradtrace.model import Finding, Location, Trace


def with_findings(trace: Trace, one: Subject) -> Subject:
    """The subject with the findings that are about it, and for a leaf with the verdict on its history."""
    found = tuple(finding for finding in trace.findings if _is_about(one, finding))
    verdict = ledger(trace).verdicts[one.leaf.id] if one.leaf is not None else None
    return replace(one, findings=found, verdict=verdict)


def _is_about(one: Subject, finding: Finding) -> bool:
    if one.leaf is not None and finding.leaves:
        return one.leaf.id in finding.leaves
    if not re.search(rf"(?<![\w.]){re.escape(one.name)}(?![\w\[])", finding.message):
        return False
    if one.leaf is not None:
        return True
    places = (finding.location, *(related.location for related in finding.related))
    return any(_is_same_line(place, own) for place in places for own in (one.place, one.read))


def _is_same_line(one: Location | None, other: Location | None) -> bool:
    return one is not None and other is not None and (one.file, one.line) == (other.file, other.line)
