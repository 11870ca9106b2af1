"""`gradtrace check`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import traced
from gradtrace.errors import RenderError
from gradtrace.launch import TargetKind

if TYPE_CHECKING:
    from gradtrace.renderers.registry import Format

FOUND = 1
"""The status when something was found and the program itself ended well."""

_PASSES = ((1, 20),)


@click.command("check", short_help="Diagnose: what is wrong with the gradients, where, and the fix.")
@click.option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")
@click.option("-f", "--format", "format_name", metavar="FORMAT", help="full, concise or json.")
@takes_target
def command(request: Request, *, output: str | None, format_name: str | None) -> int:
    """Run a program and say what is wrong with its gradients: the cause, the line, the fix.

    \b
      gradtrace check train.py
      gradtrace check -f concise train.py -- --epochs 2
    """  # noqa: D301  click wants a real backspace
    place = Output.open(output, request.color)
    shown_as = _format(format_name, place)
    if shown_as.is_machine_format and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    with traced(_in_depth(request), place.path) as ended:
        if ended.nothing:
            if ended.status == 0:
                raise RenderError(f"nothing to check: {ended.nothing}")
            request.say(f"nothing to check: {ended.nothing}")
            return ended.status
        from gradtrace.diagnosis.diagnose import diagnose
        from gradtrace.recording import load

        trace = diagnose(load(ended.recording))
        if not request.verbose:
            trace = replace(trace, findings=tuple(one for one in trace.findings if one.severity != "info"))
        own = {"graphs": False} if shown_as.name == "json" else {}
        place.write(shown_as.render(trace, **own))
        counts = any(finding.severity != "info" for finding in trace.findings)
        return ended.status or (FOUND if counts else 0)


def _in_depth(request: Request) -> Request:
    """Records what a diagnosis needs, and more passes than a picture does, unless other passes were asked for."""
    if request.target.kind is TargetKind.RECORDING:
        return request
    settings = replace(request.settings, facts=True)
    source = click.get_current_context().get_parameter_source
    if source("passes") is not ParameterSource.COMMANDLINE:
        settings = replace(settings, passes=_PASSES)
    if source("level") is not ParameterSource.COMMANDLINE:
        settings = replace(settings, level="full")
    return replace(request, settings=settings)


def _format(name: str | None, place: Output) -> "Format":
    from gradtrace.renderers import registry

    if name is None and place.path is not None and place.path.suffix:
        return registry.for_file(place.path, registry.DIAGNOSES)
    return registry.find(name or "full", registry.DIAGNOSES)
