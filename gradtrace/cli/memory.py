"""`gradtrace memory`."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Annotated

import typer

from gradtrace.cli.options import AsciiOption, OutputOption, choice, completed, format_option, number
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import say_gaps, seen, traced
from gradtrace.launch import TargetKind
from gradtrace.model.blind_spot import Blind
from gradtrace.model.kinds import Level
from gradtrace.renderers.memory.options import FORMATS, TABLES, Options, check

_SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown"}
_NOT_ASKED = frozenset(
    {Blind.NO_FACTS, Blind.STRUCTURE_ONLY, Blind.NO_VALUES, Blind.FAKE_TENSORS, Blind.PASSES_NOT_RECORDED}
)


@takes_target
def command(
    request: Request,
    *,
    output: OutputOption = None,
    format_name: Annotated[str | None, format_option(*FORMATS)] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            parser=choice(*TABLES),
            autocompletion=completed(TABLES),
            help="One table only: by line, module, op or tensor.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option("--top", metavar="N", parser=number(1), min=1, help="Rows of each table; default: 5, of one 20."),
    ] = None,
    pass_index: Annotated[
        int | None,
        typer.Option(
            "--pass", metavar="N", parser=number(1), min=1, help="Which pass; default: the one that keeps the most."
        ),
    ] = None,
    ascii_only: AsciiOption = False,
) -> int:
    """Say what the graph of a pass keeps in memory for its backward: by line, by module, by op, tensor by tensor.

    Each storage counts once, for the first call that saved it. Parameters and gradients are not in it, and the peak of
    torch's allocator is another number. For each module it is said how much less a checkpoint would keep.

    \b
      gradtrace memory train.py
      gradtrace memory --by tensor --top 50 train.py -- --batch 8
    """  # noqa: D301  the help wants a real backspace
    place = Output.open(output, request.color)
    format_name = request.format_name(format_name, output, FORMATS) or place.format_by_suffix(_SUFFIXES)
    check(format_name, by, top)  # before the run
    if format_name != "text" and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    with traced(_structure_only(request.showing(pass_index)), _prepare) as ended:
        trace = seen(ended, request, "measure")
        if trace is None:
            return ended.status
        from gradtrace.analysis.coverage import coverage
        from gradtrace.renderers.memory import report

        say_gaps(request, (gap for gap in coverage(trace) if gap.is_open and gap.spot.reason not in _NOT_ASKED))
        console = place.console
        options = Options(
            by=by,
            top=top,
            markdown=format_name == "markdown",
            color=console.color,
            width=console.width,
            verbose=request.verbose,
            ascii_only=ascii_only or not console.unicode,
        )
        content = report.written(trace, pass_index, format_name, options)
        try:
            place.write(content)
        except BrokenPipeError:
            return ended.status or -signal.SIGPIPE
        return ended.status


def _structure_only(request: Request) -> Request:
    """No value is needed of what is only weighed."""
    if request.target.kind is TargetKind.RECORDING:
        return request
    return replace(request, settings=replace(request.settings, level=Level.STRUCTURE))


def _prepare() -> None:
    import gradtrace.analysis.checkpointing
    import gradtrace.renderers.memory.document
    import gradtrace.renderers.memory.report  # noqa: F401
