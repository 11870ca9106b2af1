"""From a trace to the findings that a person is shown: rules, comments in the source, what is known already."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from gradtrace.diagnosis import baseline, ignores
from gradtrace.diagnosis.diagnose import diagnose, in_order
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.selection import Selection
from gradtrace.model import Finding, Location, Trace


def examine(
    trace: Trace,
    selection: Selection,
    known: Counter[baseline.Fingerprint] | None = None,
    folder: PurePath | None = None,
    sources: Sequence[Path] = (),
) -> Trace:
    """The trace with the findings that are worth showing, in order.

    Args:
        trace: what was recorded.
        selection: which rules are heard, and how severe a finding must be.
        known: findings of a baseline, which are left out.
        folder: where the baseline lies.
        sources: folders in which source files may be opened for the comments in them.

    Raises:
        UsageError: if the selection names no rule.
    """
    rules = selection.rules(RULES)
    heard = {rule.name for rule in rules}
    diagnosed = diagnose(trace, rules)
    left = ignores.apply(diagnosed.findings, ignores.read(diagnosed, sources), heard, {rule.name for rule in RULES})
    findings = selection.shown(sorted(left, key=in_order))
    if known is not None and folder is not None:
        n_all = len(findings)
        findings = baseline.new(findings, known, folder)
        n_known = n_all - len(findings)
        if n_known:
            is_known = "1 finding is" if n_known == 1 else f"{n_known:,} findings are"
            said = f"{is_known} known from the baseline, and left out"
            diagnosed = replace(diagnosed, run=replace(diagnosed.run, notes=(*diagnosed.run.notes, said)))
    return replace(diagnosed, findings=findings)


def seen_from(finding: Finding, folder: PurePath) -> Finding:
    """The finding with its files named as seen from a folder, where they lie below it."""

    def near(place: Location) -> Location:
        file = PurePath(place.file)
        return replace(place, file=str(file.relative_to(folder))) if file.is_relative_to(folder) else place

    return replace(
        finding,
        location=near(finding.location) if finding.location else None,
        related=tuple(replace(one, location=near(one.location)) for one in finding.related),
    )
