"""The public verbs, for use from Python: `record`, `watch`, `load`, `explain`, `render`, `page`, `check`, `why` ...

What the command line does with another process, `record` and `watch` do in this one: the same recorder, the same trace.
What the verbs return is shown in a notebook as what it is (`views`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from gradtrace.api import views
from gradtrace.api.difference import Difference as Difference
from gradtrace.api.difference import diff as diff
from gradtrace.api.recording import Passes, Recording, wanted
from gradtrace.api.step_norms import norms as norms
from gradtrace.errors import NothingSeenError, UsageError
from gradtrace.model import Finding, Trace
from gradtrace.model.kinds import Severity
from gradtrace.recording import load as load_recording
from gradtrace.renderers import registry
from gradtrace.renderers.view_options import ViewContext, ViewOptions

if TYPE_CHECKING:
    import graphviz

_WIDTH = 80
_ANSWERS = ("text", "markdown", "json")

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `check` found.

    Attributes:
        findings: what is wrong, the gravest first.
        not_looked_at: sentences about what could not be looked at, for which no finding proves nothing.
    """

    findings: tuple[Finding, ...]
    not_looked_at: tuple[str, ...]
    _trace: Trace | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """What `gradtrace check` prints."""
        if self._trace is None:
            return repr(self)
        from gradtrace.diagnosis.examine import seen_from  # noqa: PLC0415

        near = tuple(seen_from(one, Path.cwd()) for one in self._trace.findings)
        full = registry.find("full", registry.DIAGNOSES)
        return str(full.render(replace(self._trace, findings=near), context=ViewContext(width=_WIDTH)))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002 - as IPython asks
        """What a notebook shows."""
        return {"text/plain": str(self)}

    @property
    def is_clean(self) -> bool:
        """Whether everything was looked at, and nothing was found that is worth more than a note."""
        return not self.not_looked_at and all(one.severity == Severity.INFO for one in self.findings)


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


def render(
    trace: Trace,
    format: str = "tree",  # noqa: A002 - the command's own word
    *,
    pass_index: int | None = None,
    depth: int | None = None,
    fold: bool | None = None,
    max_lines: int | None = None,
    focus: str | None = None,
    expand: Sequence[str] | None = None,
    values: bool | None = None,
    shapes: bool | None = None,
    source: bool | None = None,
    aten: bool | None = None,
    direction: str | None = None,
    style: str | None = None,
    size: str | None = None,
    engine: str | None = None,
    theme: str | None = None,
    ascii_only: bool | None = None,
    width: int | None = None,
    color: bool = False,
) -> str | bytes:
    """Draw a trace: `tree`, `dot`, `svg`, `png`, `pdf`, `mermaid`, `html` or `json`.

    Args:
        trace: what was recorded.
        format: the name of the format.
        pass_index: which pass, from 1; by default the first that was recorded in full.
        depth: modules below this level are closed.
        fold: False to draw every node, however many.
        max_lines: of a tree, at most so many lines.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        values: whether labels carry forward values; None: where there is room.
        shapes: whether they carry shapes.
        source: whether they carry places in the source.
        aten: show torch's own nodes and their names, not what the program called.
        direction: of a picture: `tb` (the forward pass runs downwards) or `lr` (to the right).
        style: of a picture: `full`, or `slide` (values in boxes, ops as circles).
        size: of a picture: `page`, `a4`, `slide` or `WxH` in pixels.
        engine: what lays a picture out: `auto`, `dot` or `builtin`.
        theme: of a picture: `light` or `dark`.
        ascii_only: of a tree, no characters beyond ASCII.
        width: of a tree, in columns; 100 when None.
        color: of a tree, with escape codes.

    Returns:
        Text, or bytes for `png` and `pdf`.

    Raises:
        UsageError: there is no such format, or an option means nothing to it.
        RenderError: the picture cannot be drawn.
    """
    asked = ViewOptions(
        pass_index=pass_index,
        depth=depth,
        fold=fold,
        max_lines=max_lines,
        focus=focus,
        expand=None if expand is None else tuple(expand),
        values=values,
        shapes=shapes,
        source=source,
        aten=aten,
        direction=direction,
        style=style,
        size=size,
        engine=engine,
        theme=theme,
        ascii_only=ascii_only,
    )
    drawn = registry.find(format, registry.PICTURES).render(trace, asked, ViewContext(width=width, color=color))
    return views.of_format(drawn, format)


def page(trace: Trace, *, pass_index: int | None = None, height: int = views.HEIGHT) -> str:
    """The page to look around in, which a notebook shows in a frame.

    Args:
        trace: what was recorded.
        pass_index: which pass it opens, from 1; by default the first that was recorded in full.
        height: of the frame, in pixels.

    Raises:
        UsageError: there is no such pass, or the height is none.
    """
    if height < 1:
        raise UsageError(f"height={height}: it is a number of pixels")
    asked = ViewOptions(pass_index=pass_index)
    return views.of_format(registry.find("html", registry.PICTURES).render(trace, asked), "html", height)  # type: ignore[return-value]


def to_graphviz(
    trace: Trace,
    *,
    pass_index: int | None = None,
    depth: int | None = None,
    fold: bool | None = None,
    focus: str | None = None,
    expand: Sequence[str] | None = None,
    values: bool | None = None,
    shapes: bool | None = None,
    source: bool | None = None,
    aten: bool | None = None,
    direction: str | None = None,
    theme: str | None = None,
) -> graphviz.Source:
    """Draw a trace as an object of the package `graphviz`: with `.pipe()`, `.render()`, `.view()`, shown in notebooks.

    These call Graphviz's program `dot`, which has to be installed; `render` needs none.

    Args:
        trace: what was recorded.
        pass_index: which pass, from 1; by default the first that was recorded in full.
        depth: modules below this level are closed.
        fold: False to draw every node, however many.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        values: whether labels carry forward values; None: where there is room.
        shapes: whether they carry shapes.
        source: whether they carry places in the source.
        aten: show torch's own nodes and their names, not what the program called.
        direction: `tb` (the forward pass runs downwards) or `lr` (to the right).
        theme: `light` or `dark`.

    Raises:
        UsageError: an option means nothing to DOT.
        RenderError: the graph cannot be drawn.
    """
    import graphviz  # noqa: PLC0415 - only this verb needs it

    text = render(
        trace,
        "dot",
        pass_index=pass_index,
        depth=depth,
        fold=fold,
        focus=focus,
        expand=expand,
        values=values,
        shapes=shapes,
        source=source,
        aten=aten,
        direction=direction,
        theme=theme,
    )
    return graphviz.Source(str(text), filename="gradtrace.gv")


def check(
    trace: Trace,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    severity: str = Severity.WARNING,
    sources: Iterable[str | Path] = (".",),
) -> Diagnosis:
    """Diagnose a trace: what is wrong with its gradients, as `gradtrace check` says it.

    Record with `facts=True`: without, most rules have nothing to look at, and the answer says so.

    Args:
        trace: what was recorded.
        select: names of the only rules that look; none for all.
        ignore: names of rules that do not look.
        severity: show from here on: `error`, `warning` or `info`.
        sources: folders below which source files may be opened, for comments that silence a rule.

    Returns:
        The findings, and what could not be looked at.

    Raises:
        UsageError: there is no rule or severity of that name.
        NothingSeenError: nothing of the program was looked at.
    """
    from gradtrace.analysis.coverage import blindness, coverage  # noqa: PLC0415
    from gradtrace.diagnosis.examine import examine  # noqa: PLC0415
    from gradtrace.diagnosis.registry import RULES  # noqa: PLC0415
    from gradtrace.diagnosis.selection import Selection  # noqa: PLC0415
    from gradtrace.text.coverage_words import said  # noqa: PLC0415

    if severity not in tuple(Severity):
        raise UsageError(f"there is no severity {severity!r}: it is {', '.join(Severity)}")
    gap = blindness(trace)
    if gap is not None:
        raise NothingSeenError(f"nothing to check: {said(gap)}")
    selection = Selection(tuple(select), tuple(ignore), Severity(severity))
    selection.rules(RULES)
    examined = examine(trace, selection, sources=_folders(sources))
    return Diagnosis(examined.findings, tuple(said(gap) for gap in coverage(examined) if gap.is_open), examined)


def why(
    trace: Trace,
    name: str,
    *,
    format: str = "text",  # noqa: A002 - the command's own word
    verbose: bool = False,
    width: int | None = None,
    color: bool = False,
    ascii_only: bool = False,
    sources: Iterable[str | Path] = (".",),
) -> str:
    """Say why a tensor has the gradient that it has, or where it was lost, as `gradtrace why` does.

    Args:
        trace: what was recorded, best with `facts=True`.
        name: a variable (`x`), a parameter (`fc1.weight`, `encoder.*`), or a place in the source (`train.py:18`).
        format: `text`, `markdown` or `json`.
        verbose: say more.
        width: columns; 100 when None.
        color: with escape codes.
        ascii_only: no characters beyond ASCII.
        sources: folders below which source files may be opened.

    Raises:
        UsageError: there is no format of that name.
        UnknownNameError: the name stands for no tensor of the trace.
    """
    from gradtrace.analysis import reasons  # noqa: PLC0415
    from gradtrace.diagnosis.examine import examine  # noqa: PLC0415
    from gradtrace.diagnosis.selection import Selection  # noqa: PLC0415
    from gradtrace.renderers.why import reason  # noqa: PLC0415

    if format not in _ANSWERS:
        raise UsageError(f"there is no format {format!r} here: choose {', '.join(_ANSWERS)}")
    folders = _folders(sources)
    selection = Selection(severity=Severity.INFO if verbose else Severity.WARNING)
    answer = reasons.why(examine(trace, selection, sources=folders), name, folders)
    options = reason.Options(format, color=color, width=width, verbose=verbose, ascii_only=ascii_only)
    return views.Text(reason.render(answer, options))


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
        color=color and format == "text",
        width=width,
        verbose=verbose,
        ascii_only=ascii_only,
    )
    return report.written(trace, pass_index, format, options)


def _folders(sources: Iterable[str | Path]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(source)) for source in sources)
