"""Findings, one a line: for a quick look, and for tools that read lines."""

from dataclasses import dataclass

from gradtrace.analysis.coverage import coverage
from gradtrace.model import Finding, Trace
from gradtrace.text.coverage_words import said
from gradtrace.text.escape import one_line


@dataclass(frozen=True, slots=True)
class Options:
    """There is nothing to choose."""


def render(trace: Trace, options: Options) -> str:  # noqa: ARG001  every format takes its options
    """`file:line:column: severity[rule]: message`, a line for each finding; `error[could-not-look]: …` for gaps."""
    lines = [line(finding) for finding in trace.findings]
    lines += [f"error[could-not-look]: {said(gap)}" for gap in coverage(trace) if gap.is_open]
    return "".join(f"{one}\n" for one in lines)


def line(finding: Finding) -> str:
    """`file:line:column: severity[rule]: message`."""
    place = finding.location
    where = f"{one_line(place.file)}:{place.line}:{place.column}: " if place else ""
    return f"{where}{finding.severity}[{finding.rule}]: {one_line(finding.message)}"
