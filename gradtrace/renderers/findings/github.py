"""Findings as workflow commands: GitHub shows each beside its line in a pull request."""

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.coverage import Gap, coverage
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.location import cell_of
from gradtrace.text.coverage_words import said
from gradtrace.text.escape import one_line, visible

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Options:
    """There is nothing to choose."""


def render(trace: Trace, options: Options) -> str:  # noqa: ARG001  every format takes its options
    """`::error file=train.py,line=19,…::message`, a line for each finding, and for what was not looked at."""
    lines = [_command(finding) for finding in trace.findings]
    lines += [_of_gap(gap) for gap in coverage(trace) if not gap.is_chosen or gap.is_open]
    return "".join(f"{line}\n" for line in lines)


def _of_gap(gap: Gap) -> str:
    command, title = ("error", "could not look") if gap.is_open else ("notice", "not seen")
    return f"::{command} title={_property(f'gradtrace: {title}')}::{_data(said(gap))}"


def _command(finding: Finding) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(finding))
    return f"::{_COMMANDS.get(finding.severity, 'notice')} {properties}::{_data(_text(finding))}"


def _properties(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "title", f"gradtrace: {finding.rule}"
    place = finding.location
    if place is None:
        return
    cell = cell_of(place.file)
    if cell is not None:  # GitHub shows the file's own lines, which are not those of the cell
        yield from (("file", visible(cell[0])), ("line", "1"))
        return
    yield "file", visible(place.file)
    yield "line", str(place.line)
    if place.end_line in (0, place.line):  # columns mean something on one line only
        yield "col", str(place.column)
        if place.end_column > place.column:
            yield "endColumn", str(place.end_column)
    else:
        yield "endLine", str(place.end_line)


def _text(finding: Finding) -> str:
    place = finding.location
    cell = None if place is None else cell_of(place.file)
    where = "" if place is None or cell is None else f"cell {cell[1]}, line {place.line}: "
    lines = [where + one_line(finding.message, _LONGEST)]
    lines += [
        f"{visible(one.location.file)}:{one.location.line}: {one_line(one.message, _LONGEST)}"
        for one in finding.related
    ]
    lines += [f"help: {one_line(finding.help, _LONGEST)}"] if finding.help else []
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
