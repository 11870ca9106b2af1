"""Findings as SARIF 2.1.0, the format in which analysers tell code hosts and editors what they found."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from gradtrace.analysis.coverage import Gap, could_not_look, coverage
from gradtrace.model import Finding, Location, RelatedLocation, Severity, Trace
from gradtrace.model.location import cell_of
from gradtrace.text.coverage_words import said
from gradtrace.text.rule_text import RuleText
from gradtrace.text.strict_json import indented

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """The rules, of which those that found something are described."""

    rules: tuple[RuleText, ...] = ()


def render(trace: Trace, options: Options) -> str:
    """One log with one run; ASCII."""
    named = {finding.rule for finding in trace.findings}
    known = [rule for rule in options.rules if rule.name in named]
    indices = {rule.name: index for index, rule in enumerate(known)}
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "gradtrace",
                        "version": trace.run.gradtrace,
                        "rules": [_rule(rule) for rule in known],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(trace)],
                "results": [_result(finding, indices) for finding in trace.findings],
            }
        ],
    }
    return indented(log)


def _invocation(trace: Trace) -> Json:
    """How the checked program ended, and what was not looked at."""
    status = trace.run.status
    invocation: Json = {"executionSuccessful": status == 0 and not could_not_look(trace)}
    if status is not None:
        invocation["exitCode"] = status
    notifications = [_notification(gap) for gap in coverage(trace)]
    if notifications:
        invocation["toolExecutionNotifications"] = notifications
    return invocation


def _notification(gap: Gap) -> Json:
    level = "error" if gap.is_open else "note"
    return {"level": level, "message": {"text": said(gap)}, "descriptor": {"id": gap.spot.reason}}


def _rule(rule: RuleText) -> Json:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.page.strip() or rule.summary, "markdown": rule.page.strip() or rule.summary},
        "defaultConfiguration": {"level": _LEVELS.get(rule.severity, "note")},
    }


def _result(finding: Finding, indices: dict[str, int]) -> Json:
    said = _in_cell(finding.location) + finding.message
    text = f"{said}\n{finding.help}" if finding.help else said
    result: Json = {"ruleId": finding.rule}
    if finding.rule in indices:
        result["ruleIndex"] = indices[finding.rule]
    result |= {"level": _LEVELS.get(finding.severity, "note"), "message": {"text": text}}
    if finding.location is not None:
        result["locations"] = [{"physicalLocation": _place(finding.location)}]
    if finding.related:
        result["relatedLocations"] = [_related(number, one) for number, one in enumerate(finding.related, 1)]
    return result


def _related(number: int, related: RelatedLocation) -> Json:
    said = _in_cell(related.location) + related.message
    return {"id": number, "physicalLocation": _place(related.location), "message": {"text": said}}


def _in_cell(place: Location | None) -> str:
    """Where in a notebook it is: the lines of the file are not those of its cells."""
    cell = None if place is None else cell_of(place.file)
    return "" if place is None or cell is None else f"cell {cell[1]}, line {place.line}: "


def _place(place: Location) -> Json:
    cell = cell_of(place.file)
    if cell is not None:
        return {"artifactLocation": {"uri": _uri(cell[0])}, "region": {"startLine": 1}}
    region: Json = {"startLine": max(1, place.line), "startColumn": max(1, place.column)}
    if place.end_line >= place.line and place.end_column > 0:
        region |= {"endLine": place.end_line, "endColumn": place.end_column}
    if place.text:
        region["snippet"] = {"text": place.text}
    return {"artifactLocation": {"uri": _uri(place.file)}, "region": region}


def _uri(file: str) -> str:
    """Relative where the file is, so that the reader's own checkout is meant."""
    posix = PurePath(file).as_posix()
    quoted = quote(posix.encode("utf-8", "surrogateescape" if _is_bytes(posix) else "backslashreplace"))
    return f"file://{quoted}" if PurePath(file).is_absolute() else quoted


def _is_bytes(text: str) -> bool:
    """Whether lone surrogates stand for bytes of a file name, as Python reads them."""
    return any("\udc80" <= char <= "\udcff" for char in text)
