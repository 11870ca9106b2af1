"""`gradtrace schema`."""

from __future__ import annotations

from typing import Annotated

import typer

from gradtrace.cli.options import OutputOption, completed
from gradtrace.cli.output import Output
from gradtrace.errors import UsageError


def _complete_names(incomplete: str) -> list[str]:
    from gradtrace.renderers.schemas import DOCUMENTS

    return completed(one.name for one in DOCUMENTS)(incomplete)


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", hidden=True, autocompletion=_complete_names)] = None,
    *,
    wants_list: Annotated[bool, typer.Option("-l", "--list", help="List the documents that have one.")] = False,
    output: OutputOption = None,
) -> int:
    """Print the JSON Schema of what a command writes with "-f json", or of a recording's lines.

    \b
      gradtrace schema check
      gradtrace schema --list
    """  # noqa: D301  the help wants a real backspace
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
