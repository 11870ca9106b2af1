"""`gradtrace schema`."""

import click

from gradtrace.cli.output import Output
from gradtrace.errors import UsageError


@click.command("schema", short_help="The JSON Schema of a document.")
@click.argument("name", metavar="NAME", required=False)
@click.option("-l", "--list", "wants_list", is_flag=True, help="List the documents that have one.")
@click.option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")
def command(name: str | None, *, wants_list: bool, output: str | None) -> int:
    """Print the JSON Schema of what a command writes with "-f json", or of a recording's lines.

    \b
      gradtrace schema check
      gradtrace schema --list
    """  # noqa: D301  click wants a real backspace
    from gradtrace.renderers import schemas

    if wants_list == (name is not None):
        raise UsageError("say which document, or --list for all of them")
    place = Output.open(output, "never")
    if name is None:
        place.write("".join(f"{one.name:<10} {one.summary}\n" for one in schemas.DOCUMENTS))
    else:
        from gradtrace.text.strict_json import indented

        place.write(indented(schemas.find(name).schema()))
    return 0
