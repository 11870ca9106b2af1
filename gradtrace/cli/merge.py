"""`gradtrace merge`."""

from pathlib import Path
from typing import Annotated

import typer

from gradtrace.cli.messages import say
from gradtrace.cli.output import absolute, check_writable
from gradtrace.errors import RecordingError, UsageError


def command(
    context: typer.Context,
    *,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="The recording.  [required]")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not say what is incomplete.")] = False,
) -> int:
    """Put what several processes recorded together into one recording, ordered by rank.

    A FOLDER holds the streams of a run that could not be put together, for lack of space or because gradtrace was
    killed; a FILE is a stream or a recording, such as that of one node of several. Of one that is cut short or damaged,
    what stands before is taken.

    \b
      gradtrace merge /tmp/gradtrace-x1y2z3 -o run.gtrace
      gradtrace merge node0.gtrace node1.gtrace -o all.gtrace
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.model import Blind
    from gradtrace.recording import load, merge

    sources = context.args
    if not sources:
        context.fail("Missing argument 'FOLDER|FILE...'.")
    if output is None:
        context.fail("Missing option '-o' / '--output'.")
    target = absolute(output)
    check_writable(target)
    paths = [_checked(absolute(source), source) for source in sources]
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("one of them is given twice")
    try:
        merge(*paths, target=target)
    except OSError as error:
        place = error.filename or target
        raise RecordingError(f"cannot merge: {place}: {error.strerror}") from error
    if target.is_file():
        run = load(target).run
        for spot in () if quiet else run.blind_spots:
            if spot.reason == Blind.FILE_CUT:
                say(spot.text)
        if not quiet:
            several = "es" * (run.n_processes > 1)
            say(f"merged {run.n_processes} process{several}: gradtrace explain {output} tells the story")
    return 0


def _checked(path: Path, text: str) -> Path:
    """A source from which something can be taken.

    Raises:
        UsageError: if not.
    """
    from gradtrace.recording import has_streams, look_at

    if not path.is_dir():
        look_at(path)
    elif not has_streams(path):
        raise UsageError(f"the folder {text} holds no streams of a recording")
    return path
