"""Records each test, and fails those in which something is wrong with gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradtrace.errors import GradtraceError

if TYPE_CHECKING:
    from gradtrace.diagnosis.baseline import Fingerprint
    from gradtrace.diagnosis.selection import Selection
    from gradtrace.integrations.block import Block
    from gradtrace.model import Finding, Trace

_SEVERITIES = ("error", "warning", "info")
_NOT_IN_TESTS = ("program-failed", "unused-ignore")
"""A test that fails says so itself; what a comment silences may be found in another test."""
_FULL = ((1, 3),)
_FULL_WITH_FIXTURE = ((1, 100),)
"""The passes that are recorded in full; of the others, what became of `.grad`."""
_SECTION = "gradtrace"
_MARK_TAKES = ("ignore", "severity", "record")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found in a test.

    Attributes:
        trace: with the findings that count.
        n_milder: how many warnings there are that do not count.
        gaps: what could not be looked at.
    """

    trace: Trace
    n_milder: int
    gaps: tuple[str, ...]


_BLOCK = pytest.StashKey["Block"]()


class ItemRecorder:
    """The hooks that are there when tests are recorded.

    Args:
        config: of pytest.
        fails: whether findings fail their test.
    """

    def __init__(self, config: pytest.Config, *, fails: bool) -> None:
        self._config = config
        self._fails = fails
        self._severity = config.getoption("gradtrace_severity") or config.getini("gradtrace_severity")
        if self._severity not in _SEVERITIES:
            raise pytest.UsageError(
                f"gradtrace_severity is {self._severity!r} in {config.inipath}: it is error, warning or info"
            )
        try:
            self._settled, self._baseline, self._known = _settled(config.rootpath)
        except GradtraceError as error:
            raise pytest.UsageError(f"gradtrace: {error}") from error
        self._folders = tuple(dict.fromkeys((config.rootpath, config.invocation_params.dir)))

    def pytest_report_header(self) -> str:
        """Say at the top that tests are recorded."""
        does = "fail their test" if self._fails else "are reported"
        least = "" if self._severity == "info" else f" of severity {self._severity}"
        return f"gradtrace: each test is recorded; findings{least} {does}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Import torch before the first test, and not inside one."""
        if not session.config.option.collectonly and session.items:
            _import_recorder()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a mark that means nothing."""
        problem = None
        try:
            self._selection(item)
        except GradtraceError as error:
            problem = f"@pytest.mark.gradtrace: {error}"
        if problem is not None:
            pytest.fail(problem, pytrace=False)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Record the test itself, without its fixtures."""
        from gradtrace.integrations.block import Block

        if not _of_mark(item, "record", True):
            yield
            return
        uses_fixture = "gradtrace" in getattr(item, "fixturenames", ())
        block = Block(_FULL_WITH_FIXTURE if uses_fixture else _FULL, (*self._folders, item.path.parent))
        block.begin()
        outcome: Any = yield
        block.end(_raised(item, outcome.excinfo))
        item.stash[_BLOCK] = block

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Say what was found, and fail the test that has passed."""
        block = item.stash.get(_BLOCK, None) if call.when == "call" else None
        if block is None:
            yield
            return
        del item.stash[_BLOCK]
        seen = self._diagnosed(item, block)
        found = [_line(finding) for finding in seen.trace.findings]
        item.user_properties += [("gradtrace", line) for line in found]
        outcome: Any = yield
        report = outcome.get_result()
        report.gradtrace = {
            "found": found,
            "milder": seen.n_milder,
            "gaps": list(seen.gaps),
            "borrowed": block.is_borrowed,
            "failed": False,
        }
        if found:
            report.sections.append((_SECTION, _text(seen.trace)))
            if self._fails:
                _fail(report, seen.trace.findings, found)

    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """The letter G, for a test that gradtrace has failed."""
        if report.failed and getattr(report, "gradtrace", {}).get("failed"):
            return "failed", "G", ("GRADTRACE", {"red": True})
        return None

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What was found, where nobody has read it yet, and what could not be looked at."""
        from gradtrace.integrations.pytest_summary import lines

        told = [
            (report.nodeid, report.gradtrace)
            for reports in terminalreporter.stats.values()
            for report in reports
            if getattr(report, "gradtrace", None) and report.when == "call"
        ]
        shown = lines(told, shows_findings=not self._fails)
        if shown:
            terminalreporter.section("gradtrace")
            for line in shown:
                terminalreporter.write_line(line)

    def _diagnosed(self, item: pytest.Item, block: Block) -> _Seen:
        from gradtrace.integrations.unwarned import unwarned

        with unwarned():
            from gradtrace.analysis.coverage import coverage
            from gradtrace.diagnosis.examine import examine, seen_from
            from gradtrace.model.kinds import Severity
            from gradtrace.text.coverage_words import said

            folder = self._baseline.parent if self._baseline is not None else None
            selection = self._selection(item)
            all_ = replace(selection, severity=max(selection.severity, Severity.WARNING, key=tuple(Severity).index))
            trace = examine(block.trace, all_, self._known, folder, self._folders)
            counted = selection.shown(trace.findings)
            near = tuple(seen_from(finding, self._config.invocation_params.dir) for finding in counted)
            gaps = tuple(said(gap) for gap in coverage(trace) if gap.is_open)
            return _Seen(replace(trace, findings=near), len(trace.findings) - len(counted), gaps)

    def _selection(self, item: pytest.Item) -> Selection:
        """Which findings count in a test: the project's settings, and the test's marks."""
        from gradtrace.diagnosis.registry import RULES
        from gradtrace.diagnosis.selection import Selection
        from gradtrace.model.kinds import Severity

        ignored: list[str] = []
        for mark in item.iter_markers("gradtrace"):
            ignored += _checked(mark)
        severity = _of_mark(item, "severity", self._severity)
        selection = Selection(
            select=self._settled.select,
            ignore=(*self._settled.ignore, *ignored, *_NOT_IN_TESTS),
            severity=Severity(severity),
        )
        selection.rules(RULES)
        return selection


def _settled(root: Path) -> tuple[Selection, Path | None, Counter[Fingerprint] | None]:
    """The rules that the project chooses, its baseline, and the findings that this knows.

    Raises:
        GradtraceError: `[tool.gradtrace]` or the baseline cannot be read.
    """
    from gradtrace.diagnosis.baseline import read
    from gradtrace.diagnosis.selection import Selection, settled
    from gradtrace.project import find_settings

    project = find_settings(root)
    if project is None:
        return Selection(), None, None
    baseline = project.baseline_file
    return settled(project), baseline, None if baseline is None else read(baseline)


def _import_recorder() -> None:
    from gradtrace.integrations.unwarned import unwarned

    try:
        with unwarned():
            import gradtrace.diagnosis.examine
            import gradtrace.recorder  # noqa: F401
    except ImportError as error:
        raise pytest.UsageError(f"--gradtrace needs torch, which cannot be imported: {error}") from error


def _checked(mark: pytest.Mark) -> list[str]:
    """The rules that a mark ignores.

    Raises:
        GradtraceError: it has arguments that mean nothing.
    """
    if mark.args:
        raise GradtraceError("it takes arguments by name alone: ignore=[...], severity=..., record=False")
    for name in mark.kwargs:
        if name not in _MARK_TAKES:
            raise GradtraceError(f"it has no argument {name!r}: it takes {', '.join(_MARK_TAKES)}")
    severity = mark.kwargs.get("severity", _SEVERITIES[0])
    if severity not in _SEVERITIES:
        raise GradtraceError(f"severity is {severity!r}: it is error, warning or info")
    ignored = mark.kwargs.get("ignore", ())
    names = [ignored] if isinstance(ignored, str) else ignored
    if not isinstance(names, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in names):
        raise GradtraceError(f"ignore is {ignored!r}: it is a list of names of rules")
    return sorted(names) if isinstance(names, set | frozenset) else list(names)


def _of_mark(item: pytest.Item, name: str, otherwise: Any) -> Any:
    """What the mark nearest to the test says."""
    for mark in item.iter_markers("gradtrace"):
        if name in mark.kwargs:
            return mark.kwargs[name]
    return otherwise


def _raised(item: pytest.Item, excinfo: Any) -> Exception | None:
    """The exception that ended a test; unittest keeps it to itself."""
    error = excinfo[1] if excinfo else None
    kept = getattr(item, "_excinfo", None)
    if error is None and kept:
        error = kept[0].value
    return error if isinstance(error, Exception) else None


def _line(finding: Finding) -> str:
    from gradtrace.renderers.findings.concise import line

    return line(finding)


def _text(trace: Trace) -> str:
    from gradtrace.renderers.findings import full

    return full.render(trace, full.Options())


def _fail(report: pytest.TestReport, findings: tuple[Finding, ...], lines: list[str]) -> None:
    """Make a report that of a failed test: one that has passed, and one that passed although a failure was expected."""
    text = report.longrepr if isinstance(report.longrepr, str) else ""
    is_expected = hasattr(report, "wasxfail") or text.startswith("[XPASS(strict)]")
    if is_expected:
        if report.outcome != "skipped":
            report.outcome = "skipped"
            report.wasxfail = getattr(report, "wasxfail", "") or text.partition("]")[2].strip()
            report.longrepr = None
        return
    if report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = _longrepr(findings[0], lines, report)
        report.gradtrace["failed"] = True


def _longrepr(finding: Finding, lines: list[str], report: pytest.TestReport) -> Any:
    """What pytest prints of the failure: the lines, with the first finding as its place."""
    from _pytest._code.code import (
        ExceptionChainRepr,
        ReprEntryNative,
        ReprFileLocation,
        ReprTraceback,
    )

    place = finding.location
    path, line = (place.file, place.line) if place is not None else (report.location[0], (report.location[1] or 0) + 1)
    crash = ReprFileLocation(path, line, f"{finding.severity}[{finding.rule}]: {finding.message}")
    head = "The test passed, and something is wrong with its gradients:"
    text = [f"{one}\n" for one in (head, *lines)]
    return ExceptionChainRepr([(ReprTraceback([ReprEntryNative(text)], None, style="native"), crash, None)])
