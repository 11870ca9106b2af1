"""The public verbs, for use from Python: `record`, `watch`, `load`, `explain`, `render`, `page`, `check`, `why` ...

What the command line does with another process, `record` and `watch` do in this one: the same recorder, the same trace.
What the verbs return is shown in a notebook as what it is (`views`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, overload

from gradtrace.api import views
from gradtrace.api.diagnosis import Diagnosis as Diagnosis
from gradtrace.api.diagnosis import check as check
from gradtrace.api.diagnosis import why as why
from gradtrace.api.difference import Difference as Difference
from gradtrace.api.difference import diff as diff
from gradtrace.api.drawing import page as page
from gradtrace.api.drawing import render as render
from gradtrace.api.drawing import to_graphviz as to_graphviz
from gradtrace.api.recording import Passes, Recording, wanted
from gradtrace.api.step_norms import norms as norms
from gradtrace.model import Trace
from gradtrace.recording import load as load_recording
from gradtrace.renderers import registry
from gradtrace.renderers.view_options import ViewContext, ViewOptions

_P = ParamSpec("_P")
_R = TypeVar("_R")


def record(
    *,
    passes: Passes = "all",
    level: str = "default",
    facts: bool = False,
    folders: Iterable[str | Path] = (),
    only: int | Iterable[int] | None = None,
    step_norms: int | None = None,
) -> Recording:
    """Record the backward passes that run inside the block, or in the calls of a decorated function.

    Where a recording is at work in this process already (in a notebook with `%load_ext gradtrace`, or below
    `gradtrace explain train.py`), the block is a part of it.

    Args:
        passes: which are recorded in full: `all`, `last`, or ranges of pass numbers such as `((1, 3), (10, None))`.
        level: how much is measured: `structure` (nothing), `default` (small tensors whole, norms of others), `full`.
        facts: watch also for what a diagnosis needs, such as the places where values leave the graph.
        folders: where files of the program's own lie, besides that of its script and the current one: of calls that
            come through files elsewhere, the line in a file of its own is shown.
        only: which entries of the block, or calls, are recorded, counted from 1: `1000`, or several.
        step_norms: measure the norms of the gradients that every step of an optimizer finds, for `norms`: so many
            levels of module names are told apart; 0: each parameter by itself.

    Returns:
        A `Recording`, whose `trace` can be read after the block.

    Raises:
        UsageError: an option means nothing.
    """
    asked = wanted(
        "gradtrace.record()", passes=passes, level=level, facts=facts, folders=folders, only=only, step_norms=step_norms
    )
    return Recording(asked)


@overload
def watch(
    *,
    only: int | Iterable[int] | None = None,
    passes: Passes = "all",
    level: str = "default",
    folders: Iterable[str | Path] = (),
) -> Recording: ...
@overload
def watch(function: Callable[_P, _R], /) -> Callable[_P, _R]: ...
def watch(
    function: Callable[..., Any] | None = None,
    /,
    *,
    only: int | Iterable[int] | None = None,
    passes: Passes = "all",
    level: str = "default",
    folders: Iterable[str | Path] = (),
) -> Recording | Callable[..., Any]:
    """Record what runs inside, with all that `check`, `why` and `explain` ask for: `record(facts=True)`.

    Of a training loop, step 1,000 alone::

        watch = gradtrace.watch(only=1000)
        for batch in data:
            with watch:
                train_step(batch)
        print(gradtrace.check(watch.trace))

    As a decorator, `@gradtrace.watch(only=1000)`, it records calls; `train_step.recording.trace` is the trace then.

    Args:
        function: what is decorated, where it stands bare: `@gradtrace.watch`.
        only: which entries of the block, or calls, are recorded, counted from 1: `1000`, or several.
        passes: which are recorded in full, as in `record`.
        level: how much is measured, as in `record`.
        folders: where files of the program's own lie, as in `record`.

    Raises:
        UsageError: an option means nothing.
    """
    asked = wanted("gradtrace.watch()", passes=passes, level=level, facts=True, folders=folders, only=only)
    return Recording(asked) if function is None else Recording(asked)(function)


def load(path: str | Path, *, rank: int | None = None) -> Trace:
    """Read a `.gtrace` file.

    Args:
        path: the file.
        rank: of a distributed program, only this rank, with all of them in `Trace.whole`; None: all.

    Raises:
        RecordingError: the file cannot be read, is something else, is of a newer version, or is damaged.
        UsageError: the program had no such rank.
    """
    from gradtrace.analysis.ranks import chosen, one_of  # noqa: PLC0415
    from gradtrace.analysis.reductions import with_reductions  # noqa: PLC0415

    trace = load_recording(Path(path))
    number = None if rank is None else chosen(trace, rank)
    return with_reductions(trace) if number is None else one_of(trace, load_recording(Path(path), number), number)


def explain(
    trace: Trace,
    *,
    pass_index: int | None = None,
    markdown: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    width: int | None = None,
    color: bool = False,
    aten: bool = False,
    ascii_only: bool = False,
) -> str:
    """Tell the story of a trace, as `gradtrace explain` does.

    Args:
        trace: what was recorded.
        pass_index: which pass, from 1; by default the first that was recorded in full.
        markdown: for an issue or a note instead of a terminal.
        verbose: all lines of the graph and all leaves.
        quiet: the table of the leaves alone.
        width: columns; 100 when None.
        color: with escape codes.
        aten: torch's own nodes and their names, not what the program called; so it is when verbose.
        ascii_only: no characters beyond ASCII.

    Raises:
        GradtraceError: there is no such pass.
    """
    asked = ViewOptions(pass_index=pass_index, aten=aten or None, ascii_only=ascii_only or None)
    context = ViewContext(verbose=verbose, quiet=quiet, width=width, color=color and not markdown)
    told = registry.find("markdown" if markdown else "text", registry.STORIES).render(trace, asked, context)
    return views.Text(str(told))


def memory(
    trace: Trace,
    *,
    pass_index: int | None = None,
    by: str | None = None,
    top: int | None = None,
    format: str = "text",  # noqa: A002 - the command's own word
    verbose: bool = False,
    width: int | None = None,
    color: bool = False,
    ascii_only: bool = False,
) -> str:
    """Say what the graph of a pass keeps in memory for its backward, as `gradtrace memory` does.

    Args:
        trace: what was recorded; `level="structure"` is enough.
        pass_index: which pass, from 1; by default the one that keeps the most.
        by: one table only: by `line`, `module`, `op` or `tensor`.
        top: rows of each table.
        format: `text`, `markdown`, `json` or `csv`.
        verbose: every row.
        width: columns; 100 when None.
        color: with escape codes.
        ascii_only: no characters beyond ASCII.

    Raises:
        UsageError: there is no format or table of that name, or an option means nothing to the format.
        GradtraceError: there is no such pass.
        NothingSeenError: the recording does not say what memory its graphs keep.
    """
    from gradtrace.renderers.memory import report  # noqa: PLC0415
    from gradtrace.renderers.memory.options import Options  # noqa: PLC0415

    options = Options(
        by=by,
        top=top,
        markdown=format == "markdown",
        color=color,
        width=width,
        verbose=verbose,
        ascii_only=ascii_only,
    )
    return report.written(trace, pass_index, format, options)
