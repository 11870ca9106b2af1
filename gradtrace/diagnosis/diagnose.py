"""Runs the rules over a trace."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from gradtrace.analysis.by_value import by_value
from gradtrace.analysis.ranks import own_finding
from gradtrace.diagnosis.merged import merged
from gradtrace.diagnosis.order import settled
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Needs, Statistic, Tensors, need, together

SEVERITIES = tuple(Severity)
"""From the most severe to the least."""

ALWAYS: Needs = (need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.LEAVES, Statistic.NORM))
"""What is read whatever rules are heard: to tell from the numbers what became of `.grad`, and whether there are any."""


def needs_of(rules: Iterable[Rule]) -> Needs:
    """What must be measured of tensors, so that these rules can be heard."""
    heard = tuple(rules)
    asked = RULES if any(map(_is_last, heard)) else heard  # a last rule asks whether another explains what it tells
    return together((ALWAYS, *(rule.needs for rule in asked)))


def diagnose(trace: Trace, rules: Iterable[Rule] = RULES) -> Trace:
    """The trace with its findings, the most severe first, then in order of their places.

    A rule that fails hides no other: what happened to it becomes a note of the run.
    """
    told = by_value(trace)
    found: dict[str, list[Finding]] = {}
    failures: list[str] = []
    for rule in sorted(rules, key=_is_last):
        try:
            own = _found(rule, told)
            if own and rule.without is not None and _is_explained(told, rule.without(told), found):
                own = []
            found[rule.name] = own
        except Exception as error:  # noqa: BLE001  whatever is wrong with one rule, the others are to be heard
            failures.append(f"the rule {rule.name} failed: {type(error).__name__}: {error} (please report)")
    unique = merged(finding for own in settled(found).values() for finding in own)
    run = replace(trace.run, notes=(*trace.run.notes, *failures)) if failures else trace.run
    return replace(trace, run=run, findings=tuple(sorted(unique, key=in_order)))


def _found(rule: Rule, trace: Trace) -> list[Finding]:
    if not rule.is_about_ranks or trace.whole is None:
        return list(rule.check(trace))
    return [own_finding(trace, finding) for finding in rule.check(by_value(trace.whole))]


def _is_last(rule: Rule) -> bool:
    return rule.without is not None


def _is_explained(trace: Trace, otherwise: Trace, known: Mapping[str, Collection[Finding]]) -> bool:
    """Whether a rule, heard or not, finds in a trace what it would not find had a thing not happened.

    Args:
        trace: what was recorded.
        otherwise: the same as if that thing had not happened.
        known: what the rules found that were heard already.
    """
    for rule in RULES:
        with suppress(Exception):  # where it is heard, its failure is told
            found = () if _is_last(rule) else known[rule.name] if rule.name in known else tuple(rule.check(trace))
            if found and not set(found) <= set(rule.check(otherwise)):
                return True
    return False


def in_order(finding: Finding) -> tuple[int, str, int, int, str, str]:
    """Sorts by severity, then place, then name."""
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    place = finding.location
    file, line, column = (place.file, place.line, place.column) if place else ("", 0, 0)
    return severity, file, line, column, finding.rule, finding.message
