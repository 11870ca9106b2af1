"""`norms`: what every step of an optimizer found in `.grad`."""

from __future__ import annotations

from gradtrace.api import views
from gradtrace.errors import NothingSeenError, UsageError
from gradtrace.model import Trace
from gradtrace.suggest import no_such

_FORMATS = ("text", "svg", "csv", "json")


def norms(
    trace: Trace,
    *,
    depth: int | None = 1,
    format: str = "text",  # noqa: A002 - the command's own word
    verbose: bool = False,
    width: int | None = None,
    color: bool = False,
    ascii_only: bool = False,
) -> str:
    """Say what every optimizer step found: the norms of gradients, loss, learning rate, as `gradtrace norms` does.

    Args:
        trace: what was recorded with `step_norms=1`, or more levels; 0 for each parameter by itself.
        depth: how many levels of module names are told apart; None: each parameter, if they were recorded so.
        format: `text`, `svg`, `csv` or `json`.
        verbose: of a text, leave no module out.
        width: of a text, in columns; 100 when None.
        color: of a text, with escape codes.
        ascii_only: of a text, no characters beyond ASCII.

    Raises:
        UsageError: there is no format of that name, or the recording holds the norms of modules alone.
        NothingSeenError: no norms were measured, or no optimizer stepped.
    """
    from gradtrace.analysis.step_norms import histories  # noqa: PLC0415
    from gradtrace.renderers.norms import report  # noqa: PLC0415

    if format not in _FORMATS:
        raise UsageError(no_such("format", format, _FORMATS))
    if depth is not None and depth < 1:
        raise UsageError(f"depth={depth}: it is a number of levels from 1 on, or None for each parameter")
    found = histories(trace, depth)
    if not found:
        raise NothingSeenError(
            "the trace holds no norms of steps: record(step_norms=1) measures what every step() finds"
        )
    if depth is None and not all(series.by_parameter for series in trace.step_norms):
        raise UsageError("the trace holds the norms of modules: record(step_norms=0) measures each parameter")
    options = report.Options(color=color, width=width, ascii_only=ascii_only, verbose=verbose)
    return views.of_format(report.written(trace, found, format, options), format)
