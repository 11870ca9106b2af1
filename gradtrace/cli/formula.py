"""`gradtrace formula`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.options import AsciiOption, ColorOption, OutputOption, TextFormatOption, completed
from gradtrace.cli.output import Output
from gradtrace.errors import UsageError

if TYPE_CHECKING:
    from gradtrace.formulas.optimizers.update_rule import UpdateRule
    from gradtrace.renderers.reference.pages import Options


def _complete_names(incomplete: str) -> list[str]:
    from gradtrace.formulas.catalogue import CATALOGUE
    from gradtrace.formulas.optimizers import RULES

    return completed((*(formula.op for formula in CATALOGUE), *(rule.name for rule in RULES)))(incomplete)


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", hidden=True, autocompletion=_complete_names)] = None,
    *,
    wants_list: Annotated[
        bool, typer.Option("-l", "--list", help="List all ops and optimizers that have a page.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="The formulas as runnable torch too, and torch's own.")
    ] = False,
    output: OutputOption = None,
    format_name: TextFormatOption = "text",
    no_example: Annotated[bool, typer.Option("--no-example", help="Do not run the worked example.")] = False,
    python: Annotated[
        str | None, typer.Option("--python", metavar="PATH", help="The interpreter whose torch runs the example.")
    ] = None,
    ascii_only: AsciiOption = False,
    color: ColorOption = "auto",
) -> int:
    """Show what an op does to a gradient, or how an optimizer steps: in words and maths, with a worked example.

    NAME is an op, a function, a node type, or an optimizer of torch.optim.

    \b
      gradtrace formula sigmoid
      gradtrace formula MulBackward0
      gradtrace formula Adam
      gradtrace formula --list
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.formulas.optimizers import rule_of
    from gradtrace.launch import choose
    from gradtrace.renderers.reference.pages import Options

    if wants_list == (name is not None):
        raise UsageError("say which op or optimizer, or --list for all of them")
    place = Output.open(output, color)
    options = Options(
        width=place.console.width,
        color=place.console.color and format_name == "text",
        ascii_only=ascii_only or not place.console.unicode,
        markdown=format_name == "markdown",
        verbose=verbose,
    )
    asked = None if no_example else choose(python).path
    rule = rule_of(name or "")
    if name is None:
        place.write(_list(options))
    else:
        place.write(_optimizer(rule, options, asked) if rule else _page(name, options, asked))
    return 0


def _list(options: Options) -> str:
    from gradtrace.formulas.catalogue import CATALOGUE
    from gradtrace.formulas.optimizers import RULES
    from gradtrace.renderers.reference import formula_page, optimizer_page

    return f"{formula_page.render_list(CATALOGUE, options)}\n{optimizer_page.render_list(RULES, options)}"


def _optimizer(rule: UpdateRule, options: Options, python: str | None) -> str:
    from gradtrace.formulas.worked_steps import run_steps
    from gradtrace.renderers.reference import optimizer_page

    example = None if python is None else run_steps((rule,), python)[0]
    return optimizer_page.render(rule, example, options)


def _page(name: str, options: Options, python: str | None) -> str:
    from gradtrace.formulas.derivatives import derivative
    from gradtrace.formulas.lookup import find
    from gradtrace.formulas.worked_example import run_examples
    from gradtrace.renderers.reference import formula_page

    formulas = find(name)
    examples = (None,) * len(formulas) if python is None else run_examples(formulas, python)
    entries = [
        formula_page.Entry(formula, derivative(formula.node_types[0]) if formula.node_types else None, example)
        for formula, example in zip(formulas, examples, strict=True)
    ]
    return formula_page.render(entries, options)
