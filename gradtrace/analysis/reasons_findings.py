"""What the ledger and the rules say of a tensor that is asked about: the same as everywhere else."""

from __future__ import annotations

import re
from dataclasses import replace

from gradtrace.analysis.ledger import ledger
from gradtrace.analysis.reasons_answer import Subject
from gradtrace.model import Finding, Trace
from gradtrace.model.location import same_place


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
    return any(same_place(place, own) for place in places for own in (one.place, one.read))
