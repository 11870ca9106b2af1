"""`gradtrace why`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated

from gradtrace.cli.depth import in_depth
from gradtrace.cli.options import AsciiOption, OutputOption, format_option
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import say_gaps, seen, traced
from gradtrace.diagnosis.all_needs import EVERYBODYS
from gradtrace.model.kinds import Severity

if TYPE_CHECKING:
    from gradtrace.model import Trace

_FORMATS = ("text", "markdown", "json")
_SUFFIXES = {".md": "markdown", ".json": "json"}


@takes_target
def command(
    request: Request,
    *,
    name: str,
    output: OutputOption = None,
    format_name: Annotated[str | None, format_option(*_FORMATS)] = None,
    ascii_only: AsciiOption = False,
) -> int:
    """Say why a tensor has the gradient that it has, or where exactly it was lost.

    NAME is a variable (x), a parameter (fc1.weight, 'encoder.*'), or a place in the source (train.py:18).

    \b
      gradtrace why train.py encoder.0.weight
      gradtrace why 'w*w*y' w=0.5 y=2.0 w
    """  # noqa: D301  the help wants a real backspace
    place = Output.open(output, request.color)
    format_name = request.format_name(format_name, output, _FORMATS) or place.format_by_suffix(_SUFFIXES)
    if format_name != "text" and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    with traced(in_depth(request, EVERYBODYS), _prepare) as ended:
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
