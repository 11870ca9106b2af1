"""What `explain` and `render` have in common: run, draw in a format, write."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradtrace.cli.output import Output
from gradtrace.cli.request import Request
from gradtrace.cli.traced import say_gaps, seen, traced
from gradtrace.model.kinds import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradtrace.cli.traced import Traced
    from gradtrace.model import Finding, Location, Trace
    from gradtrace.renderers.registry import Format
    from gradtrace.renderers.view_options import ViewContext, ViewOptions


def show(request: Request, drawn_as: Format, output: Output, asked: ViewOptions, context: ViewContext) -> int:
    """Runs the target (or opens the recording) and writes it in a format; returns the status.

    Args:
        request: what to run.
        drawn_as: the format.
        output: where to.
        asked: what the user wants of the format.
        context: what the command knows besides; what the place of the output can show is added to it.

    Raises:
        GradtraceError: if an option does not fit the format, or anything fails.
    """
    drawn_as.check(asked)  # before the run
    with traced(request, lambda: _prepare(request, drawn_as)) as ended:
        loaded = seen(ended, request, "show", whole=drawn_as.name == "json")
        if loaded is None:
            return ended.status
        from gradtrace.analysis.coverage import coverage

        if drawn_as.is_machine_format:  # the others say it themselves
            say_gaps(request, (gap for gap in coverage(loaded) if not gap.is_chosen))
        trace, causes = _parted(_with_findings(loaded, request))
        if "is_explained" not in drawn_as.options:
            causes = ()
        seen_as = replace(
            context,
            color=output.console.color,
            width=output.console.width,
            ascii_only=asked.ascii_only or not output.console.unicode,
            is_examined=loaded.run.facts,
            is_explained=bool(causes),
            other_ranks=tuple(_other_ranks(loaded, ended, request)) if "other_ranks" in drawn_as.options else None,
        )
        try:
            _write(trace, causes, drawn_as, asked, seen_as, output)
        except BrokenPipeError:
            return ended.status or -signal.SIGPIPE
        return ended.status


def _other_ranks(shown: Trace, ended: Traced, request: Request) -> Iterator[Trace]:
    """What the other ranks did, with their findings; of very many the first."""
    own = shown.run.processes[0].rank if shown.whole is not None and shown.run.processes else None
    ranks = [] if shown.whole is None else [one.rank for one in shown.whole.run.processes]
    for rank in sorted(rank for rank in ranks if rank is not None and rank != own)[: _MOST_RANKS - 1]:
        yield _with_findings(ended.load(rank), request)


_MOST_RANKS = 16


def _prepare(request: Request, drawn_as: Format) -> None:
    expression = request.target.expression
    drawn_as.prepare(expression.source if expression else None, request.target.argv)
    if request.settings.facts:
        import gradtrace.diagnosis.examine  # noqa: F401


def _write(
    trace: Trace,
    causes: tuple[Finding, ...],
    drawn_as: Format,
    asked: ViewOptions,
    context: ViewContext,
    output: Output,
) -> None:
    """Writes what a format makes of a trace; in a text why the program failed stands above it, the rest below.

    Args:
        trace: the run, with its findings.
        causes: those of its findings that say why the program failed.
        drawn_as: the format.
        asked: what the user wants of the format.
        context: what the place of the output can show.
        output: where to.
    """
    pieces = drawn_as.pieces(trace, asked, context)
    if pieces is not None:
        output.write_pieces(pieces)
        return
    content = drawn_as.render(trace, asked, context)
    if trace.findings and isinstance(content, str) and not drawn_as.is_machine_format:
        others = tuple(one for one in trace.findings if one not in causes)
        above = _told(replace(trace, findings=causes), drawn_as, context) + "\n" if causes else ""
        below = "\n" + _told(replace(trace, findings=others), drawn_as, context) if others else ""
        content = f"{above}{content}{below}"
    output.write(content)


def _with_findings(trace: Trace, request: Request) -> Trace:
    """The trace with what is wrong in it, when it was recorded for a diagnosis or its program failed; else as it is."""
    if not trace.run.facts and trace.run.error is None:
        return trace
    from gradtrace.diagnosis.examine import examine
    from gradtrace.diagnosis.selection import Selection

    return examine(trace, Selection(), sources=request.sources)


def _parted(trace: Trace) -> tuple[Trace, tuple[Finding, ...]]:
    """The trace without what a drawing or a story says itself, and those of its findings that say why it failed."""
    findings = tuple(one for one in trace.findings if one.rule != _FAILED)
    is_unexplained = len(findings) < len(trace.findings)
    error = trace.run.error
    if error is None or is_unexplained:
        return replace(trace, findings=findings), ()
    lines = {(frame.file, frame.line) for frame in error.frames}
    causes = tuple(
        one
        for one in findings
        if one.severity == Severity.ERROR
        or any(place is not None and (place.file, place.line) in lines for place in _places(one))
    )
    return replace(trace, findings=findings), causes


_FAILED = "program-failed"


def _places(finding: Finding) -> tuple[Location | None, ...]:
    return (finding.location, *(one.location for one in finding.related))


def _told(trace: Trace, drawn_as: Format, context: ViewContext) -> str:
    """The findings beside a tree or a story; in Markdown as a block of text."""
    from gradtrace.diagnosis.examine import seen_from
    from gradtrace.renderers import registry

    here = Path.cwd()
    near = replace(trace, findings=tuple(seen_from(finding, here) for finding in trace.findings))
    text = str(registry.find("full", registry.DIAGNOSES).render(near, context=context))
    if drawn_as.name != "markdown":
        return text
    fence = "~" * max(3, 1 + max(map(len, re.findall("~+", text)), default=0))
    return f"{fence}text\n{text}{fence}\n"
