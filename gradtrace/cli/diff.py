"""`gradtrace diff`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradtrace.cli.depth import in_depth
from gradtrace.cli.messages import say
from gradtrace.cli.options import (
    AsciiOption,
    ColorOption,
    DeviceOption,
    OutputOption,
    PythonOption,
    QuietOption,
    SeedOption,
    VerboseOption,
    format_option,
    number,
    seconds,
)
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, project_of, settled_options
from gradtrace.cli.traced import traced
from gradtrace.diagnosis.all_needs import EVERYBODYS
from gradtrace.errors import NothingSeenError
from gradtrace.launch import Settings, TargetKind, choose, parse_passes, parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradtrace.analysis.diff.by_rank import RankedComparison
    from gradtrace.analysis.diff.source import Hunk
    from gradtrace.launch import Target
    from gradtrace.model import Trace

_FORMATS = ("text", "markdown", "json")

DIFFERENT = 1
"""The status when the runs differ."""


def command(
    context: typer.Context,
    *,
    stat: Annotated[bool, typer.Option("--stat", help="Only how much differs.")] = False,
    output: OutputOption = None,
    format_name: Annotated[str | None, format_option(*_FORMATS)] = None,
    passes: Annotated[
        str,
        typer.Option(
            "--passes",
            metavar="N-M",
            show_default=False,
            help="Record in full: 1-20 (default), 100, 5-, all, last.",
        ),
    ] = "1-20",
    rank: Annotated[
        int | None, typer.Option("--rank", metavar="N", parser=number(0), help="Of several ranks, compare this one.")
    ] = None,
    device: DeviceOption = None,
    seed: SeedOption = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", parser=seconds, help="End each program after S seconds.  [x>0]"),
    ] = None,
    python: PythonOption = None,
    ascii_only: AsciiOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    color: ColorOption = "auto",
) -> int:
    """Lay two runs side by side: the line at which they part first, then graphs, gradients and the history of .grad.

    OLD and NEW are scripts, which are run one after the other with the same arguments, or recordings. What belongs
    together is found by names, by modules and by the text of lines, so that lines may have moved. The status is 0 when
    nothing differs, 1 when something does, and 2 when they could not be compared. What the programs print goes to
    stderr. Ranks of a distributed program are compared one by one.

    \b
      gradtrace diff train.py train_fixed.py
      gradtrace diff monday.gtrace tuesday.gtrace --stat
    """  # noqa: D301  the help wants a real backspace
    if len(context.args) != 2:  # noqa: PLR2004  two runs
        context.fail("Say which two: gradtrace diff OLD NEW.")
    old, new = context.args
    place = Output.open(output, color)
    targets = [parse_target((word,), program_argv=context.obj) for word in (old, new)]
    project = project_of(targets[1])
    asked: dict[str, Any] = {"passes": passes, "device": device, "seed": seed, "timeout": timeout}
    asked |= settled_options(project, context)
    if any(target.kind is not TargetKind.RECORDING for target in targets):
        chosen = choose(python)
        if chosen.note is not None and not quiet:
            say(chosen.note)
        python = chosen.path
    settings = Settings(**{**asked, "passes": parse_passes(asked["passes"])}, python=python)
    request = partial(
        Request, settings=settings, quiet=quiet, verbose=verbose, color=color, has_passes=True, project=project
    )
    requests = [request(target, rank=rank) for target in targets]
    format_name = requests[1].format_name(format_name, output, _FORMATS) or "text"
    traces = [_traces(one) for one in requests]
    from gradtrace.analysis.diff.by_rank import compare_by_rank

    ranked = compare_by_rank(*traces)
    if not ranked.comparison.is_comparable:
        raise NothingSeenError(f"nothing to compare: {old} and {new} have no pass and no leaf in common")
    options = {"stat": stat, "verbose": verbose, "ascii_only": ascii_only or not place.console.unicode}
    place.write(_written(ranked, _source(targets), format_name, place, options))
    return 0 if ranked.is_equal else DIFFERENT


def _traces(request: Request) -> dict[int | None, Trace]:
    """What one of the two did, by rank if it has several, with what a diagnosis finds in it.

    Raises:
        NothingSeenError: nothing of it was seen.
        UsageError: it has no rank that was asked for.
    """
    from gradtrace.analysis.coverage import blindness
    from gradtrace.diagnosis.examine import examine
    from gradtrace.diagnosis.selection import Selection
    from gradtrace.text.coverage_words import said

    with traced(in_depth(request.with_stdout_diverted(), EVERYBODYS)) as ended:
        whole = ended.load(request.rank)
        gap = blindness(whole)
        if gap is not None:
            raise NothingSeenError(f"nothing to compare in {request.target.text}: {said(gap)}")
        ranks = sorted(one.rank for one in whole.run.processes if one.rank is not None)
        found: dict[int | None, Trace] = {None: whole}
        if request.rank is not None:
            found = {request.rank: whole}
        elif ranks:
            found = {rank: ended.load(rank) for rank in ranks}
    return {
        rank: examine(trace, Selection(), sources=request.sources) if trace.run.facts else trace
        for rank, trace in found.items()
    }


def _source(targets: Sequence[Target]) -> tuple[Hunk, ...]:
    """The lines in which two scripts differ; nothing where one of them is no script, or cannot be read."""
    from gradtrace.analysis.diff.source import hunks

    if any(target.kind is not TargetKind.SCRIPT for target in targets):
        return ()
    try:
        old, new = (target.path.read_text("utf-8").splitlines() for target in targets)
    except (OSError, UnicodeDecodeError):
        return ()
    return hunks(old, new)


def _written(
    ranked: RankedComparison, source: tuple[Hunk, ...], format_name: str, place: Output, options: dict[str, bool]
) -> str:
    from gradtrace.renderers.diff import document, report

    if format_name == "json":
        return document.render(ranked, source)
    console = place.console
    is_markdown = format_name == "markdown"
    written = report.Options(markdown=is_markdown, color=console.color, width=console.width, **options)
    return report.render(ranked, written, source)
