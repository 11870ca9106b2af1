"""What `explain` and `render` have in common: run, draw in a format, write."""

from typing import Any

from gradtrace.cli.console import Console
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request
from gradtrace.cli.traced import traced
from gradtrace.errors import RenderError, UsageError
from gradtrace.renderers.registry import Format


def show(request: Request, drawn_as: Format, output: Output, asked: dict[str, Any]) -> int:
    """Runs the target (or opens the recording) and writes it in a format; returns the status.

    Args:
        request: what to run.
        drawn_as: the format.
        output: where to.
        asked: options of the format that the user gave; None for one not given.

    Raises:
        GradtraceError: if an option does not fit the format, or anything fails.
    """
    given = _given(drawn_as, asked)
    with traced(request, output.path) as ended:
        if ended.nothing:
            if ended.status == 0:
                raise RenderError(f"nothing to show: {ended.nothing}")
            request.say(f"nothing to show: {ended.nothing}")
            return ended.status
        from gradtrace.recording import load

        options = {**_seen(drawn_as, output.console), **given}
        content = drawn_as.render(load(ended.recording), **options)
        try:
            output.write(content)
        except BrokenPipeError:
            return ended.status
        return ended.status


def _given(drawn_as: Format, asked: dict[str, Any]) -> dict[str, Any]:
    """The options that the user gave; looked at before the run, which need not wait for a renderer that has none."""
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name not in drawn_as.options:
            option = {"pass_index": "--pass", "fold": "--no-fold", "ascii_only": "--ascii"}.get(name, f"--{name}")
            raise UsageError(f"{option.replace('_', '-')} means nothing to the format {drawn_as.name}")
    return given


def _seen(drawn_as: Format, console: Console) -> dict[str, Any]:
    """The options that follow from where the result goes."""
    seen = {"color": console.color, "width": console.width, "ascii_only": None if console.unicode else True}
    return {name: value for name, value in seen.items() if value is not None and name in drawn_as.options}
