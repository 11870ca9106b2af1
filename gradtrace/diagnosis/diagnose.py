"""Runs the rules over a trace."""

from collections.abc import Iterable
from dataclasses import replace

from gradtrace.analysis.by_value import by_value
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Trace

SEVERITIES = ("error", "warning", "info")
"""From the most severe to the least."""


def diagnose(trace: Trace, rules: Iterable[Rule] = RULES) -> Trace:
    """The trace with its findings, the most severe first, then in order of their places.

    A rule that fails hides no other: what happened to it becomes a note of the run.
    """
    told = by_value(trace)
    found: list[Finding] = []
    failures: list[str] = []
    for rule in rules:
        try:
            found += rule.check(told)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one rule, the others are to be heard
            failures.append(f"the rule {rule.name} failed: {type(error).__name__}: {error} (please report)")
    unique = dict.fromkeys(found)
    run = replace(trace.run, notes=(*trace.run.notes, *failures)) if failures else trace.run
    return replace(trace, run=run, findings=tuple(sorted(unique, key=in_order)))


def in_order(finding: Finding) -> tuple[int, str, int, int, str, str]:
    """Sorts by severity, then place, then name."""
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    place = finding.location
    file, line, column = (place.file, place.line, place.column) if place else ("", 0, 0)
    return severity, file, line, column, finding.rule, finding.message
