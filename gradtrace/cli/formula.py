"""`gradtrace formula`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.options import AsciiOption, ColorOption, OutputOption, TextFormatOption, completed
from gradtrace.cli.output import Output
from gradtrace.errors import UsageError

if TYPE_CHECKING:
    from gradtrace.renderers.reference import formula_page


def _complete_ops(incomplete: str) -> list[str]:
    from gradtrace.formulas.catalogue import CATALOGUE

    return completed(formula.op for formula in CATALOGUE)(incomplete)


def command(
    name: Annotated[str | None, typer.Argument(metavar="OP", hidden=True, autocompletion=_complete_ops)] = None,
    *,
    wants_list: Annotated[bool, typer.Option("-l", "--list", help="List all ops that have a page.")] = False,
    output: OutputOption = None,
    format_name: TextFormatOption = "text",
    no_example: Annotated[bool, typer.Option("--no-example", help="Do not run the worked example.")] = False,
    python: Annotated[
        str | None, typer.Option("--python", metavar="PATH", help="The interpreter whose torch runs the example.")
    ] = None,
    ascii_only: AsciiOption = False,
    color: ColorOption = "auto",
) -> int:
    """Show what an op does to a gradient, in words, maths and runnable torch, with a worked example.

    OP is the name of an op, a function or a node type.

    \b
      gradtrace formula sigmoid
      gradtrace formula MulBackward0
      gradtrace formula --list
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.renderers.reference import formula_page

    if wants_list == (name is not None):
        raise UsageError("say which OP, or --list for all of them")
    place = Output.open(output, color)
    options = formula_page.Options(
        width=place.console.width,
        color=place.console.color and format_name == "text",
        ascii_only=ascii_only or not place.console.unicode,
        markdown=format_name == "markdown",
    )
    place.write(_list(options) if name is None else _page(name, options, None if no_example else python or ""))
    return 0


def _list(options: formula_page.Options) -> str:
    from gradtrace.formulas.catalogue import CATALOGUE
    from gradtrace.renderers.reference import formula_page

    return formula_page.render_list(CATALOGUE, options)


def _page(name: str, options: formula_page.Options, python: str | None) -> str:
    from gradtrace.formulas.derivatives import derivative
    from gradtrace.formulas.lookup import find
    from gradtrace.formulas.worked_example import run_examples
    from gradtrace.renderers.reference import formula_page

    formulas = find(name)
    examples = (None,) * len(formulas) if python is None else run_examples(formulas, python or None)
    entries = [
        formula_page.Entry(formula, derivative(formula.node_types[0]) if formula.node_types else None, example)
        for formula, example in zip(formulas, examples, strict=True)
    ]
    return formula_page.render(entries, options)
