"""`gradtrace norms`."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.options import AsciiOption, OutputOption, choice, completed, format_option, number
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import say_gaps, seen, traced
from gradtrace.errors import NothingSeenError, UsageError
from gradtrace.launch import TargetKind
from gradtrace.model.blind_spot import Blind
from gradtrace.model.kinds import EventKind

if TYPE_CHECKING:
    from gradtrace.model import Trace

_FORMATS = ("text", "svg", "csv", "json")
_SUFFIXES = {".json": "json", ".csv": "csv", ".svg": "svg"}
_NOT_ASKED = frozenset({Blind.NO_FACTS, Blind.STRUCTURE_ONLY, Blind.NO_VALUES, Blind.PASSES_NOT_RECORDED})
_MODULE, _PARAMETER = "module", "parameter"


@takes_target
def command(
    request: Request,
    *,
    output: OutputOption = None,
    format_name: Annotated[str | None, format_option(*_FORMATS)] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth", metavar="N", parser=number(1), min=1, help="Levels of module names to tell apart; default: 1."
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            parser=choice(_MODULE, _PARAMETER),
            autocompletion=completed((_MODULE, _PARAMETER)),
            show_default=False,
            help="A line for each module or parameter.",
        ),
    ] = _MODULE,
    ascii_only: AsciiOption = False,
) -> int:
    """Measure every training step: the norm of the gradients, loss, learning rate, size of the update.

    The norms are 2-norms of what step() finds in .grad; where clip_grad_norm_ clipped it, the norm before is shown too.

    \b
      gradtrace norms train.py -- --epochs 2
      gradtrace norms -o norms.csv --by parameter train.py
    """  # noqa: D301  the help wants a real backspace
    if by == _PARAMETER and depth is not None:
        raise UsageError("--depth is about modules: leave it out, or leave out --by parameter")
    place = Output.open(output, request.color)
    format_name = request.format_name(format_name, output, _FORMATS) or place.format_by_suffix(_SUFFIXES)
    if format_name != "text" and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    with traced(_measuring(request, 0 if by == _PARAMETER else depth or 1), _prepare) as ended:
        trace = seen(ended, request, "measure", whole=True)
        if trace is None:
            return ended.status
        content = _content(trace, request, place, format_name, None if by == _PARAMETER else depth or 1, ascii_only)
        if content is None:
            return ended.status
        from gradtrace.analysis.coverage import coverage

        say_gaps(request, (gap for gap in coverage(trace) if gap.is_open and gap.spot.reason not in _NOT_ASKED))
        try:
            place.write(content)
        except BrokenPipeError:
            return ended.status or -signal.SIGPIPE
        return ended.status


def _measuring(request: Request, depth: int) -> Request:
    """Every step is measured, and no pass recorded in full that nobody asked for."""
    if request.target.kind is TargetKind.RECORDING:
        return request
    settings = replace(request.settings, step_norms=depth, small_passes=0, announce=False)
    if not request.has_passes:
        settings = replace(settings, passes=())
    return replace(request, settings=settings)


def _content(
    trace: Trace, request: Request, place: Output, format_name: str, depth: int | None, ascii_only: bool
) -> str | None:
    from gradtrace.analysis.step_norms import histories
    from gradtrace.renderers.norms import report

    found = histories(trace, depth)
    if not found:
        raise NothingSeenError(_why_nothing(trace, request))
    if depth is None and not all(series.by_parameter for series in trace.step_norms):
        raise UsageError(f"{request.target.text} holds the norms of modules: record it again with --by parameter")
    console = place.console
    options = report.Options(
        color=console.color,
        width=console.width,
        ascii_only=ascii_only or not console.unicode,
        verbose=request.verbose,
    )
    return report.written(trace, found, format_name, options)


def _why_nothing(trace: Trace, request: Request) -> str:
    has_steps = any(event.kind == EventKind.STEP for event in trace.events)
    if request.target.kind is TargetKind.RECORDING and has_steps:
        return f"{request.target.text} holds no norms of steps: gradtrace norms measures them while a program runs"
    n_optimizers = len(trace.optimizers)
    if not n_optimizers:
        return "no step to measure: the program called no optimizer's step()"
    return "no step to measure: no optimizer's step() ran to its end"


def _prepare() -> None:
    import gradtrace.analysis.step_norms
    import gradtrace.renderers.norms.report  # noqa: F401
