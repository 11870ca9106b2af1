"""`gradtrace render`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.options import choice, complete_pictures, completed, number, pass_option
from gradtrace.cli.output import Output, absolute
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.show import show
from gradtrace.errors import UsageError
from gradtrace.model.kinds import Level
from gradtrace.model.needs import together

if TYPE_CHECKING:
    from gradtrace.renderers.registry import Format
    from gradtrace.renderers.view_options import ViewOptions

_THEMES = ("light", "dark")
_ENGINES = ("auto", "dot", "builtin")
_DIRECTIONS = ("tb", "lr")
_STYLES = ("full", "slide")
_SIZES = ("page", "a4", "slide")
_DRAW = "Draw"


@takes_target
def command(
    request: Request,
    *,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write to FILE, in the format of its suffix; -: stdout."),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "-f",
            "--format",
            metavar="FORMAT",
            autocompletion=complete_pictures,
            help="tree, dot, svg, png, pdf, mermaid, html, json.",
        ),
    ] = None,
    pass_index: Annotated[int | None, pass_option("draw")] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            metavar="N",
            parser=number(0),
            min=0,
            rich_help_panel=_DRAW,
            help="Fold modules below this depth.",
        ),
    ] = None,
    no_fold: Annotated[
        bool, typer.Option("--no-fold", rich_help_panel=_DRAW, help="Draw every node, however many.")
    ] = False,
    max_lines: Annotated[
        int | None,
        typer.Option(
            "--max-lines",
            metavar="N",
            parser=number(1),
            min=1,
            rich_help_panel=_DRAW,
            help="For the tree: stop after N lines.",
        ),
    ] = None,
    focus: Annotated[
        str | None,
        typer.Option(
            "--focus",
            metavar="NAME",
            rich_help_panel=_DRAW,
            help="Draw what leads to this leaf, module or value; pictures fold all else into one box.",
        ),
    ] = None,
    expand: Annotated[
        list[str] | None,
        typer.Option(
            "--expand", metavar="MODULE", rich_help_panel=_DRAW, help="Open this module, whatever else is folded."
        ),
    ] = None,
    aten: Annotated[
        bool,
        typer.Option("--aten", rich_help_panel=_DRAW, help="Draw torch's own nodes, not what the program called."),
    ] = False,
    values: Annotated[
        bool | None,
        typer.Option("--values/--no-values", rich_help_panel=_DRAW, help="Labels carry forward values, or not."),
    ] = None,
    shapes: Annotated[
        bool | None, typer.Option("--shapes/--no-shapes", rich_help_panel=_DRAW, help="Labels carry shapes, or not.")
    ] = None,
    source: Annotated[
        bool | None,
        typer.Option("--source/--no-source", rich_help_panel=_DRAW, help="Labels carry source lines, or not."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="ENGINE",
            parser=choice(*_ENGINES),
            autocompletion=completed(_ENGINES),
            rich_help_panel=_DRAW,
            help="For pictures: auto, dot or builtin.",
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            metavar="DIRECTION",
            parser=choice(*_DIRECTIONS),
            autocompletion=completed(_DIRECTIONS),
            rich_help_panel=_DRAW,
            help="For pictures and DOT: tb (top to bottom) or lr (left to right).",
        ),
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(
            "--style",
            metavar="STYLE",
            parser=choice(*_STYLES),
            autocompletion=completed(_STYLES),
            rich_help_panel=_DRAW,
            help="For pictures: full, or slide (data and grad in each box, the op as a circle).",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="SIZE",
            autocompletion=completed(_SIZES),
            rich_help_panel=_DRAW,
            help="For pictures: page, a4, slide or WxH in pixels; what does not fit is folded.",
        ),
    ] = None,
    theme: Annotated[
        str | None,
        typer.Option(
            "--theme",
            metavar="THEME",
            parser=choice(*_THEMES),
            autocompletion=completed(_THEMES),
            rich_help_panel=_DRAW,
            help="For pictures and DOT: light or dark.",
        ),
    ] = None,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", rich_help_panel=_DRAW, help="For the tree: no characters beyond ASCII.")
    ] = False,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Never show a long tree in the pager.")] = False,
    opens: Annotated[
        bool, typer.Option("--open", help="Open what was drawn, by default a page, in the browser.")
    ] = False,
) -> int:
    """Draw a program's backward graph with its gradients.

    Without -o: a tree in a terminal, DOT in a pipe or a file.

    \b
      gradtrace render train.py -o net.svg
      gradtrace render train.py | dot -Tsvg > net.svg
      gradtrace render train.py --open
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.renderers.view_options import ViewOptions

    asked = ViewOptions(
        pass_index=pass_index,
        depth=depth,
        fold=False if no_fold else None,
        max_lines=max_lines,
        focus=focus,
        expand=tuple(expand) if expand else None,
        values=values,
        shapes=shapes,
        source=source,
        aten=aten or None,
        direction=direction,
        style=style,
        size=size,
        engine=engine,
        theme=theme,
        ascii_only=ascii_only or None,
    )
    if not opens:
        return _draw(request, output, format_name, asked, has_pager=not no_pager)
    if output == "-":
        raise UsageError("--open opens a file, and -o - writes none: name one, or leave out -o")
    with _file_to_open(request, output, format_name or "html") as file:
        return _draw(request, str(file), format_name, asked)


def _draw(
    request: Request, output: str | None, format_name: str | None, asked: ViewOptions, *, has_pager: bool = False
) -> int:
    from gradtrace.diagnosis.all_needs import OF_RULES
    from gradtrace.renderers.registry import PICTURES
    from gradtrace.renderers.view_options import ViewContext

    request = request.showing(asked.pass_index)
    format_name = request.format_name(format_name, output, PICTURES)
    place = replace(Output.open(output, request.color), has_pager=has_pager)
    drawn_as = _format(format_name, place)
    if drawn_as.is_binary and place.path is None and place.console.is_terminal:
        raise UsageError(f"{drawn_as.name} is binary, and stdout is a terminal: give a file with -o")
    if place.path is None and not place.console.is_terminal:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    if request.settings.level != Level.STRUCTURE:
        request = request.with_facts(
            together((drawn_as.needs, OF_RULES))
        )  # cuts are drawn where values left the graph, findings where they belong
    return show(request, drawn_as, place, asked, ViewContext())


def _format(name: str | None, place: Output) -> Format:
    from gradtrace.renderers import registry

    if name is not None:
        return registry.find(name, registry.PICTURES)
    if place.path is not None:
        return registry.for_file(place.path, registry.PICTURES)
    return registry.find("tree" if place.console.is_terminal else "dot", registry.PICTURES)


@contextmanager
def _file_to_open(request: Request, output: str | None, format_name: str) -> Iterator[Path]:
    """The file to draw into, shown in the browser when it was written.

    Without `output` it stands in a folder of its own that stays: the browser reads it after we have ended.
    """
    from gradtrace.renderers import registry

    if output is None:
        import tempfile

        suffix = registry.find(format_name, registry.PICTURES).suffixes[0]
        file = Path(tempfile.mkdtemp(prefix="gradtrace-")) / f"{request.target.stem}{suffix}"
    else:
        file = absolute(output)
    before = _written_at(file)
    try:
        yield file
        if _written_at(file) != before:
            _open(file, request)
    finally:
        if output is None and not any(file.parent.iterdir()):
            file.parent.rmdir()


def _written_at(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else -1


def _open(path: Path, request: Request) -> None:
    import webbrowser

    request.say(f"{path} opens in the browser")
    if not webbrowser.open(path.as_uri()):
        request.say(f"no browser was found: open {path} yourself")
