"""`gradtrace render`."""

import click

from gradtrace.cli.output import Output
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.show import show
from gradtrace.errors import UsageError

_THEMES = click.Choice(["light", "dark"])

_ENGINES = click.Choice(["auto", "dot", "builtin"])


@click.command("render", short_help="Draw it: tree, DOT, SVG, PNG, PDF, Mermaid, HTML, JSON.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, in the format of its suffix; -: stdout.")
@click.option("-f", "--format", "format_name", metavar="FORMAT", help="tree, dot, svg, png, pdf, mermaid, html, json.")
@click.option(
    "--pass", "pass_index", type=click.IntRange(1), metavar="N", help="Which pass to draw; default: the first."
)
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Fold modules below this depth.")
@click.option("--no-fold", is_flag=True, help="Draw every node, however many.")
@click.option("--max-lines", type=click.IntRange(1), metavar="N", help="For the tree: stop after N lines.")
@click.option("--focus", metavar="NAME", help="Draw only what leads to this name.")
@click.option("--engine", type=_ENGINES, metavar="ENGINE", help="For pictures: auto, dot or builtin.")
@click.option("--theme", type=_THEMES, metavar="THEME", help="For pictures and DOT: light or dark.")
@click.option("--ascii", "ascii_only", is_flag=True, help="For the tree: no characters beyond ASCII.")
@takes_target
def command(
    request: Request,
    *,
    output: str | None,
    format_name: str | None,
    pass_index: int | None,
    depth: int | None,
    no_fold: bool,
    max_lines: int | None,
    focus: str | None,
    engine: str | None,
    theme: str | None,
    ascii_only: bool,
) -> int:
    """Draw a program's backward graph with its gradients.

    Without -o: a tree in a terminal, DOT in a pipe or a file.

    \b
      gradtrace render train.py -o net.svg
      gradtrace render train.py | dot -Tsvg > net.svg
    """  # noqa: D301  click wants a real backspace
    from gradtrace.renderers import registry

    place = Output.open(output, request.color)
    if format_name is not None:
        drawn_as = registry.find(format_name, registry.PICTURES)
    elif place.path is not None:
        drawn_as = registry.for_file(place.path, registry.PICTURES)
    else:
        drawn_as = registry.find("tree" if place.console.is_terminal else "dot", registry.PICTURES)
    if drawn_as.is_binary and place.path is None and place.console.is_terminal:
        raise UsageError(f"{drawn_as.name} is binary, and stdout is a terminal: give a file with -o")
    if place.path is None and not place.console.is_terminal:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    asked = {
        "pass_index": pass_index,
        "depth": depth,
        "fold": False if no_fold else None,
        "max_lines": max_lines,
        "focus": focus,
        "engine": engine,
        "theme": theme,
        "ascii_only": ascii_only or None,
    }
    return show(request, drawn_as, place, asked)
