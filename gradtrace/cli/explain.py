"""`gradtrace explain`."""

from dataclasses import replace
from typing import Annotated

import typer

from gradtrace.cli.options import AsciiOption, OutputOption, complete_stories, pass_option
from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.show import show
from gradtrace.launch import TargetKind
from gradtrace.model.kinds import Level


@takes_target
def command(
    request: Request,
    *,
    output: OutputOption = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "-f", "--format", metavar="FORMAT", autocompletion=complete_stories, help="text, markdown or json."
        ),
    ] = None,
    pass_index: Annotated[int | None, pass_option("tell")] = None,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Never show a long story in the pager.")] = False,
    aten: Annotated[
        bool, typer.Option("--aten", help="Tell torch's own nodes and their names, not what the program called.")
    ] = False,
    ascii_only: AsciiOption = False,
) -> int:
    """Tell the story of a program's gradients: what lands in each .grad, and why.

    \b
      gradtrace explain 'w*w*y' w=0.5 y=2.0
      gradtrace explain train.py -- --epochs 2
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.diagnosis.all_needs import EVERYBODYS
    from gradtrace.renderers import registry
    from gradtrace.renderers.view_options import ViewContext, ViewOptions

    place = replace(Output.open(output, request.color), has_pager=not no_pager)
    request = request.showing(pass_index)
    format_name = request.format_name(format_name, output, registry.STORIES)
    if request.target.kind is not TargetKind.EXPRESSION and request.settings.level == Level.DEFAULT:
        request = request.with_facts(EVERYBODYS)  # what looks wrong stands in the first lines
    format_name = format_name or place.format_by_suffix({".md": "markdown", ".json": "json"})
    told_as = registry.find(format_name, registry.STORIES)
    if told_as.name != "text" and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    return show(
        request,
        told_as,
        place,
        ViewOptions(pass_index=pass_index, aten=aten or None, ascii_only=ascii_only or None),
        ViewContext(verbose=request.verbose),
    )
