"""`gradtrace rule`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.options import ColorOption, OutputOption, TextFormatOption, complete_rules
from gradtrace.cli.output import Output
from gradtrace.errors import UsageError

if TYPE_CHECKING:
    from gradtrace.diagnosis.rule import Rule


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", hidden=True, autocompletion=complete_rules)] = None,
    *,
    wants_list: Annotated[bool, typer.Option("-l", "--list", help="List all rules.")] = False,
    words: Annotated[
        str | None, typer.Option("--search", metavar="WORDS", help="List the rules whose page has these words.")
    ] = None,
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
      gradtrace rule --search 'memory grows'
      gradtrace rule zero-grad-forgotten --example > wrong.py
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.diagnosis.page import program
    from gradtrace.diagnosis.registry import RULES
    from gradtrace.diagnosis.selection import rule_named
    from gradtrace.renderers.reference import rule_page

    if sum((wants_list, words is not None, name is not None)) != 1 or (name is None and wants_example):
        raise UsageError("say which rule, --search for words on its page, or --list for all of them")
    place = Output.open(output, color)
    is_markdown = format_name == "markdown"
    options = rule_page.Options(place.console.width, place.console.color and not is_markdown, is_markdown)
    if words is not None:
        place.write(rule_page.render_list(_found(words), options))
    elif name is None:
        place.write(rule_page.render_list(RULES, options))
    else:
        rule = rule_named(name, RULES)
        place.write(program(rule.page) if wants_example else rule_page.render(rule, options))
    return 0


def _found(words: str) -> tuple[Rule, ...]:
    from gradtrace.diagnosis.registry import RULES
    from gradtrace.diagnosis.search import matching

    found = matching(words, RULES)
    if not found:
        raise UsageError(f"no page of a rule has all of the words {words!r}: try fewer, or gradtrace rule --list")
    return found
