"""`gradtrace why`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click

from gradtrace.cli.depth import in_depth
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import say_gaps, seen, traced
from gradtrace.diagnosis.all_needs import EVERYBODYS
from gradtrace.errors import UsageError
from gradtrace.model.kinds import Severity

if TYPE_CHECKING:
    from gradtrace.model import Trace

_FORMATS = click.Choice(["text", "markdown", "json"])


def _after_a_target(context: click.Context, _: click.Parameter, name: str) -> str:
    """Click gives NAME the only word there is; then it was meant as the TARGET."""
    given = context.params
    if not (given.get("words") or given.get("module") or given.get("code")):
        raise UsageError(f"of which tensor? say: {context.command_path} {name} NAME")
    return name


@click.command("why", short_help="One tensor: how its gradient arises, or where it is cut off.")
@click.option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")
@click.option("-f", "--format", "format_name", type=_FORMATS, metavar="FORMAT", help="text, markdown or json.")
@click.option("--ascii", "ascii_only", is_flag=True, help="No characters beyond ASCII.")
@takes_target
@click.argument("name", metavar="NAME [-- ARGUMENT...]", callback=_after_a_target)
def command(request: Request, *, name: str, output: str | None, format_name: str | None, ascii_only: bool) -> int:
    """Say why a tensor has the gradient that it has, or where exactly it was lost.

    NAME is a variable (x), a parameter (fc1.weight, 'encoder.*'), or a place in the source (train.py:18).

    \b
      gradtrace why train.py encoder.0.weight
      gradtrace why 'w*w*y' w=0.5 y=2.0 w
    """  # noqa: D301  click wants a real backspace
    place = Output.open(output, request.color)
    format_name = format_name or _by_suffix(place)
    if format_name == "json" and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    with traced(in_depth(request, EVERYBODYS), place.path, _prepare) as ended:
        trace = seen(ended, request, "explain")
        if trace is None:
            return ended.status
        from gradtrace.analysis.coverage import coverage
        from gradtrace.analysis.reasons import why
        from gradtrace.renderers.why import reason

        console = place.console
        options = reason.Options(
            format=format_name,
            color=console.color,
            width=console.width,
            verbose=request.verbose,
            ascii_only=ascii_only or not console.unicode,
        )
        content = reason.render(why(_examined(trace, request), name, request.sources), options)
        say_gaps(request, (gap for gap in coverage(trace) if gap.is_open))
        try:
            place.write(content)
        except BrokenPipeError:
            return ended.status or -signal.SIGPIPE
        return ended.status


# NAME stands between the TARGET and the program's own words.
next(one for one in command.params if one.name == "words").metavar = "TARGET [NAME=VALUE]..."


def _examined(trace: Trace, request: Request) -> Trace:
    """The trace with what the rules find in it: what `check` says of a tensor, this says too."""
    from gradtrace.diagnosis.examine import examine
    from gradtrace.diagnosis.selection import Selection

    selection = Selection(severity=Severity.INFO if request.verbose else Severity.WARNING)
    return examine(trace, selection, sources=request.sources)


def _prepare() -> None:
    import gradtrace.analysis.reasons
    import gradtrace.diagnosis.examine
    import gradtrace.renderers.why.reason  # noqa: F401


def _by_suffix(place: Output) -> str:
    suffix = place.path.suffix if place.path is not None else ""
    return {".md": "markdown", ".json": "json"}.get(suffix, "text")
