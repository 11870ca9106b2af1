"""What the rules found about a tensor, in an answer about it: `check` and `why` say the same."""

from collections.abc import Callable, Iterator

from gradtrace.analysis.ledger import Pattern
from gradtrace.analysis.reasons import Reason, Subject
from gradtrace.model import Location, Severity
from gradtrace.model.location import same_place
from gradtrace.text import verdicts, wording
from gradtrace.text.blocks import Block, Paragraph

_TOLD_ELSEWHERE = frozenset({Pattern.ABSENT, Pattern.NOTHING, Pattern.SINGLE, Pattern.NOT_STORED})
"""The answer itself says what these say."""


def history(one: Subject) -> Iterator[Block]:
    """The verdict on all passes, in the words of `explain`."""
    if one.verdict is not None and one.verdict.pattern not in _TOLD_ELSEWHERE:
        yield Paragraph(f"Over the run: {verdicts.verdict(one.verdict)}.")


def findings(one: Subject, excerpt: Callable[[Location], Iterator[Block]]) -> Iterator[Block]:
    """Each finding with its line and its help."""
    for finding in one.findings:
        style = "alarm" if finding.severity == Severity.ERROR else ""
        yield Paragraph(f"{finding.message} ({finding.rule})", finding.severity.value, style)
        if finding.location is not None and not _is_shown(one, finding.location):
            yield from excerpt(finding.location)
        for related in finding.related:
            yield Paragraph(f"{wording.location(related.location)}: {related.message}", "note")
        if finding.help:
            yield Paragraph(finding.help, "help")


def has_help(one: Subject) -> bool:
    """Whether a finding says what to do, so that no other advice is due."""
    return any(finding.help and finding.severity != Severity.INFO for finding in one.findings)


def _is_shown(one: Subject, place: Location) -> bool:
    hidden = one.reason is Reason.GRADIENT and one.ways is not None
    return not hidden and same_place(one.place, place)
