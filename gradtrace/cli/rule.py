"""`gradtrace rule`."""

import click

from gradtrace.cli.output import Output
from gradtrace.errors import UsageError


@click.command("rule", short_help="The page of a diagnosis rule.")
@click.argument("name", metavar="NAME", required=False)
@click.option("-l", "--list", "wants_list", is_flag=True, help="List all rules.")
@click.option("--example", "wants_example", is_flag=True, help="Only the program that its page shows as wrong.")
@click.option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")
@click.option("-f", "--format", "format_name", type=click.Choice(["text", "markdown"]), default="text")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colours.")
def command(
    name: str | None, *, wants_list: bool, wants_example: bool, output: str | None, format_name: str, color: str
) -> int:
    """Show what a rule of `gradtrace check` finds, why that is bad, an example, and what to write instead.

    \b
      gradtrace rule zero-grad-forgotten
      gradtrace rule --list
      gradtrace rule zero-grad-forgotten --example > wrong.py
    """  # noqa: D301  click wants a real backspace
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
