"""`gradtrace explain`."""

from dataclasses import replace

import click

from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.show import show
from gradtrace.launch import TargetKind
from gradtrace.model.kinds import Level


@click.command("explain", short_help="Tell the story: what lands in each .grad, and why.")
@click.option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")
@click.option("-f", "--format", "format_name", metavar="FORMAT", help="text, markdown or json.")
@click.option(
    "--pass", "pass_index", type=click.IntRange(1), metavar="N", help="Which pass to tell; default: the first."
)
@click.option("--no-pager", is_flag=True, help="Never show a long story in the pager.")
@click.option("--ascii", "ascii_only", is_flag=True, help="No characters beyond ASCII.")
@takes_target
def command(
    request: Request,
    *,
    output: str | None,
    format_name: str | None,
    pass_index: int | None,
    no_pager: bool,
    ascii_only: bool,
) -> int:
    """Tell the story of a program's gradients: what lands in each .grad, and why.

    \b
      gradtrace explain 'w*w*y' w=0.5 y=2.0
      gradtrace explain train.py -- --epochs 2
    """  # noqa: D301  click wants a real backspace
    from gradtrace.diagnosis.all_needs import EVERYBODYS
    from gradtrace.renderers import registry

    place = replace(Output.open(output, request.color), has_pager=not no_pager)
    request = request.showing(pass_index)
    if request.target.kind is not TargetKind.EXPRESSION and request.settings.level == Level.DEFAULT:
        request = request.with_facts(EVERYBODYS)  # what looks wrong stands in the first lines
    if format_name is None and place.path is not None and place.path.suffix in (".md", ".json"):
        told_as = registry.for_file(place.path, registry.STORIES)
    else:
        told_as = registry.find(format_name or "text", registry.STORIES)
    if told_as.is_machine_format and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    asked = {
        "pass_index": pass_index,
        "ascii_only": ascii_only or None,
        "verbose": request.verbose or None,
        "quiet": request.quiet or None,
    }
    if told_as.name == "json":  # these two are about our own lines as well
        asked |= {"verbose": None, "quiet": None}
    return show(request, told_as, place, asked)
