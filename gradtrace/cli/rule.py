"""`gradtrace rule`."""

from typing import Annotated

import typer

from gradtrace.cli.options import ColorOption, OutputOption, TextFormatOption, complete_rules
from gradtrace.cli.output import Output
from gradtrace.errors import UsageError


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", hidden=True, autocompletion=complete_rules)] = None,
    *,
    wants_list: Annotated[bool, typer.Option("-l", "--list", help="List all rules.")] = False,
    wants_example: Annotated[
        bool, typer.Option("--example", help="Only the program that its page shows as wrong.")
    ] = False,
    output: OutputOption = None,
    format_name: TextFormatOption = "text",
    color: ColorOption = "auto",
) -> int:
    """Show what a rule of `gradtrace check` finds, why that is bad, an example, and what to write instead.

    \b
      gradtrace rule zero-grad-forgotten
      gradtrace rule --list
      gradtrace rule zero-grad-forgotten --example > wrong.py
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.diagnosis.page import program
    from gradtrace.diagnosis.registry import RULES
    from gradtrace.diagnosis.selection import rule_named
    from gradtrace.renderers.reference import rule_page

    if wants_list == (name is not None) or (wants_list and wants_example):
        raise UsageError("say which rule, or --list for all of them")
    place = Output.open(output, color)
    is_markdown = format_name == "markdown"
    options = rule_page.Options(place.console.width, place.console.color and not is_markdown, is_markdown)
    if name is None:
        place.write(rule_page.render_list(RULES, options))
    else:
        rule = rule_named(name, RULES)
        place.write(program(rule.page) if wants_example else rule_page.render(rule, options))
    return 0
