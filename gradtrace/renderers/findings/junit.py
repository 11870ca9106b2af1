"""Findings as JUnit XML, which every CI server shows: one test case for each finding, a failed one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from gradtrace.analysis.coverage import Gap, coverage
from gradtrace.model import Finding, Severity, Trace
from gradtrace.text.coverage_words import said
from gradtrace.text.escape import markup, one_line, visible

_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Options:
    """There is nothing to choose."""


def render(trace: Trace, options: Options) -> str:  # noqa: ARG001  every format takes its options
    """One suite; when nothing was found it holds one test case, which passed. What was not looked at is an error."""
    findings = trace.findings
    hidden = [gap for gap in coverage(trace) if gap.is_open]
    n_failed = sum(finding.severity != Severity.INFO for finding in findings)
    n_cases = max(1, len(findings) + len(hidden))
    counts = f'tests="{n_cases}" failures="{n_failed}" errors="{len(hidden)}"'
    cases = [line for finding in findings for line in _case(finding)]
    cases += [line for gap in hidden for line in _unknown(gap)]
    if not cases:
        cases = [f'    <testcase classname="gradtrace" name="{markup(one_line(trace.run.target, _LONGEST))}"/>']
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="gradtrace" {counts}>',
        f'  <testsuite name="gradtrace check" {counts}>',
        *cases,
        "  </testsuite>",
        "</testsuites>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _case(finding: Finding) -> Iterator[str]:
    place = finding.location
    where = f"{visible(place.file)}:{place.line}:{place.column}" if place else ""
    owner = PurePath(place.file).stem if place else "gradtrace"
    name = f"{finding.rule} at {where}" if where else finding.rule
    opening = f'    <testcase classname="{markup(owner)}" name="{markup(name)}"'
    if finding.severity == Severity.INFO:
        yield f"{opening}/>"
        return
    message = markup(one_line(finding.message, _LONGEST))
    yield f"{opening}>"
    yield f'      <failure type="{markup(finding.severity)}" message="{message}">{_text(finding, where)}</failure>'
    yield "    </testcase>"


def _unknown(gap: Gap) -> Iterator[str]:
    text = markup(said(gap))
    yield f'    <testcase classname="gradtrace" name="could not look: {markup(gap.spot.reason)}">'
    yield f'      <error type="{markup(gap.spot.reason)}" message="{text}">{text}</error>'
    yield "    </testcase>"


def _text(finding: Finding, where: str) -> str:
    lines = [f"{where}: {finding.message}" if where else finding.message]
    lines += [f"{one.location.file}:{one.location.line}: {one.message}" for one in finding.related]
    lines += [f"help: {finding.help}"] if finding.help else []
    return "\n".join(markup(one_line(line, _LONGEST)) for line in lines)
