"""`gradtrace record`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.depth import in_depth
from gradtrace.cli.output import absolute, check_writable
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import record, say_gaps
from gradtrace.errors import UsageError
from gradtrace.launch import Session, TargetKind

if TYPE_CHECKING:
    from gradtrace.recording import Redaction


@takes_target
def command(
    request: Request,
    *,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="The recording; default: the program's name with .gtrace."),
    ] = None,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            rich_help_panel="Record",
            help="Leave out the program's words and the paths of your folders.",
        ),
    ] = False,
    facts: Annotated[
        bool,
        typer.Option(
            "--facts",
            rich_help_panel="Record",
            help="Record also what check and why need; explain and render show findings.",
        ),
    ] = False,
) -> int:
    """Run a program and save a recording for later.

    A recording holds source lines, names, shapes, small values and the program's words (its sys.argv), and only you may
    read it. --redact leaves out the words, and shortens paths below the current directory and your home in every text;
    source lines, names and values stay.

    \b
      gradtrace record train.py -- --epochs 2
      gradtrace record -o run.gtrace -- torchrun --nproc-per-node 2 train.py
    """  # noqa: D301  the help wants a real backspace
    target = request.target
    if target.kind is TargetKind.RECORDING:
        raise UsageError(f"{target.text} is a recording already: gradtrace explain {target.text} shows it")
    if request.rank is not None:
        raise UsageError("--rank says which rank is shown, and all of them are recorded: give it to gradtrace explain")
    path = absolute(output or f"{target.stem}.gtrace")
    check_writable(path)
    request = replace(request, settings=replace(request.settings, small_passes=0))
    if facts:
        from gradtrace.diagnosis.all_needs import EVERYBODYS

        request = in_depth(request, EVERYBODYS)
    with Session() as session:
        ended = record(request, session, path, redaction=_redaction() if redact else None)
    from gradtrace.analysis.coverage import gaps
    from gradtrace.recording import blind_spots
    from gradtrace.text.coverage_words import said

    found = gaps(blind_spots(path) if path.is_file() else (), ended.status)
    nothing = next((gap for gap in found if gap.is_total), None)
    if nothing is not None:
        request.say(f"nothing recorded: {said(nothing)}")
        return ended.status
    say_gaps(request, found)
    request.say(f"recorded: gradtrace explain {output or path.name} tells the story")
    return ended.status


def _redaction() -> "Redaction":
    from gradtrace.recording import Redaction

    return Redaction(absolute("."), Path.home())
