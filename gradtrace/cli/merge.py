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
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Merge although recordings of some ranks are not given.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not say what is incomplete.")] = False,
) -> int:
    """Put what several processes recorded together into one recording, ordered by rank.

    A FOLDER holds the streams of a run that could not be put together, for lack of space or because gradtrace was
    killed; a FILE is a stream or a recording, such as that of one node of several. Of one that is cut short or damaged,
    what stands before is taken. No rank may be there twice, and of several files none may be missing.

    \b
      gradtrace merge /tmp/gradtrace-x1y2z3 -o run.gtrace
      gradtrace merge node0.gtrace node1.gtrace -o all.gtrace
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.model import Blind, ranks_in_words
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
        _check_ranks(paths, context.args, allow_missing=allow_missing)
        merge(*paths, target=target)
    except OSError as error:
        place = error.filename or target
        raise RecordingError(f"cannot merge: {place}: {error.strerror}") from error
    if target.is_file():
        run = load(target).run
        for spot in () if quiet else run.blind_spots:
            if spot.reason == Blind.FILE_CUT:
                say(spot.text)
            elif spot.reason == Blind.RANKS_NOT_RECORDED:
                say(f"nothing is there of {spot.text}")
        if not quiet:
            several = "es" * (run.n_processes > 1)
            ranks = [one.rank for one in run.processes if one.rank is not None]
            what = ranks_in_words(ranks) if ranks else f"{run.n_processes} process{several}"
            say(f"merged {what}: gradtrace explain {output} tells the story")
    return 0


def _check_ranks(paths: list[Path], names: list[str], *, allow_missing: bool) -> None:
    """Makes sure that the sources are those of one run, and of all of it.

    Args:
        paths: folders, streams, recordings.
        names: what the user called them.
        allow_missing: some ranks may be in none of them.

    Raises:
        UsageError: they are not.
    """
    from gradtrace.model import ranks_in_words
    from gradtrace.recording import find_streams, ranks_in

    ranks, sizes = ranks_in(find_streams(*paths))
    for rank, sources in sorted(ranks.items()):
        if len(sources) > 1:
            where = " and ".join(names[source] for source in sorted(sources))
            raise UsageError(f"rank {rank} is in {where}: give one recording of each node of one run")
    if len(sizes) > 1:
        counted = " and ".join(str(size) for size in sorted(sizes))
        raise UsageError(f"they are not of one run: its processes count {counted} ranks")
    missing = set(range(max(sizes, default=0))) - ranks.keys()
    if missing and len(paths) > 1 and not allow_missing:
        raise UsageError(
            f"none of them holds {ranks_in_words(missing)} of {max(sizes)}: give the recordings of all nodes, "
            "or --allow-missing"
        )


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
