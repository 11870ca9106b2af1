"""`gradtrace check`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradtrace.cli.depth import in_depth
from gradtrace.cli.options import (
    AsciiOption,
    OutputOption,
    choice,
    complete_diagnoses,
    complete_rules,
    completed,
)
from gradtrace.cli.output import Output, absolute
from gradtrace.cli.request import Request, takes_target
from gradtrace.cli.traced import Traced, traced
from gradtrace.errors import UsageError
from gradtrace.model.kinds import Severity
from gradtrace.model.needs import USUALLY, together

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from gradtrace.diagnosis.baseline import Fingerprint
    from gradtrace.diagnosis.selection import Selection
    from gradtrace.model import Trace
    from gradtrace.model.needs import Needs
    from gradtrace.project.settings import ProjectSettings
    from gradtrace.renderers.registry import Format

FOUND = 1
"""The status when something was found and the program itself ended well."""

COULD_NOT_LOOK = 2
"""The status when nothing was found and something was not looked at: that is not "nothing wrong"."""

_SEVERITIES = tuple(severity.value for severity in Severity)
_RULES = "Rules"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the command line and the project's settings add up to."""

    selection: Selection
    baseline: Path | None
    known: Counter[Fingerprint] | None
    writes_baseline: bool
    exit_zero: bool


@takes_target
def command(
    request: Request,
    *,
    output: OutputOption = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "-f",
            "--format",
            metavar="FORMAT",
            autocompletion=complete_diagnoses,
            help="full, concise, json, sarif, github or junit.",
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="RULE",
            autocompletion=complete_rules,
            rich_help_panel=_RULES,
            help="Run only these rules (repeat, or with commas).",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="RULE",
            autocompletion=complete_rules,
            rich_help_panel=_RULES,
            help="Do not run these rules.",
        ),
    ] = None,
    severity: Annotated[
        str | None,
        typer.Option(
            "--severity",
            metavar="LEVEL",
            parser=choice(*_SEVERITIES),
            autocompletion=completed(_SEVERITIES),
            rich_help_panel=_RULES,
            help="Show from here on: error, warning, info.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="FILE", rich_help_panel=_RULES, help="Leave out the findings in this file."),
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", rich_help_panel=_RULES, help="Save what is found as the baseline.")
    ] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Status 0 also when something is found.")] = False,
    ascii_only: AsciiOption = False,
    graphs: Annotated[bool, typer.Option("--graphs", help="With -f json: add the whole trace document.")] = False,
) -> int:
    """Run a program and say what is wrong with its gradients: the cause, the line, the fix.

    The status is 0 when nothing was found, 1 when something was, 2 when it could not look, and that of the program
    if it failed itself. A comment
    "# gradtrace: ignore[RULE]" silences a rule on its line; [tool.gradtrace] in pyproject.toml has the keys select,
    ignore, severity, baseline and exit-zero, and those of the options that say how to run.

    \b
      gradtrace check train.py
      gradtrace check -f concise train.py -- --epochs 2
    """  # noqa: D301  the help wants a real backspace
    from gradtrace.renderers.registry import DIAGNOSES

    place = Output.open(output, request.color)
    shown_as = _format(request.format_name(format_name, output, DIAGNOSES), place)
    if shown_as.is_machine_format and place.path is None:
        request = request.with_stdout_diverted()  # what the program prints would break the document
    if graphs and "graphs" not in shown_as.options:
        raise UsageError(f"--graphs means nothing to the format {shown_as.name}")
    here = absolute(".")
    project = request.project
    settled = project.baseline_file if project is not None else None
    chosen = absolute(baseline) if baseline is not None else settled
    wish = _Wish(
        selection=_selection(
            project, select or [], ignore or [], severity or (Severity.INFO if request.verbose else None)
        ),
        baseline=chosen,
        known=None if write_baseline else _known(chosen),
        writes_baseline=write_baseline,
        exit_zero=exit_zero or (project is not None and project.exit_zero),
    )
    if write_baseline and chosen is None:
        raise UsageError("--write-baseline writes the file that --baseline names: give both")
    needs = together((_needs(wish.selection), USUALLY)) if graphs else _needs(wish.selection)
    with traced(in_depth(request, needs), lambda: _prepare(shown_as)) as ended:
        trace = _examined(ended, wish, request)
        place.write_pieces(_rendered(trace, shown_as, place, here, ascii_only=ascii_only, graphs=graphs))
        return _status(trace, ended, wish)


def _needs(selection: Selection) -> Needs:
    """What must be measured; where all rules may be heard, they need not be loaded for that."""
    from gradtrace.diagnosis.all_needs import OF_RULES

    if not selection.select and not selection.ignore:
        return OF_RULES
    from gradtrace.diagnosis.diagnose import needs_of
    from gradtrace.diagnosis.registry import RULES

    return needs_of(selection.rules(RULES))


def _prepare(shown_as: Format) -> None:
    import gradtrace.diagnosis.examine  # noqa: F401

    shown_as.prepare()


def _status(trace: Trace, ended: Traced, wish: _Wish) -> int:
    """The program's own where something was seen of it; else whether something was found, or could be."""
    from gradtrace.analysis.coverage import blindness, could_not_look

    if ended.status < 0 or (ended.status and blindness(trace) is None):
        return ended.status
    if any(finding.severity != Severity.INFO for finding in trace.findings):
        return 0 if wish.exit_zero else FOUND
    return COULD_NOT_LOOK if could_not_look(trace) else 0


def _selection(
    project: ProjectSettings | None, select: list[str], ignore: list[str], severity: str | None
) -> Selection:
    """What the command line says, else the project; what is ignored adds up. Names are looked up before the run."""
    from gradtrace.diagnosis.selection import Selection, names_in, settled

    own, level = (Selection(), None) if project is None else (settled(project), project.severity)
    selection = Selection(
        select=names_in(" ".join(select)) or own.select,
        ignore=(*names_in(" ".join(ignore)), *own.ignore),
        severity=Severity(severity or level or Severity.WARNING),
    )
    if selection.select or selection.ignore:
        from gradtrace.diagnosis.registry import RULES

        selection.rules(RULES)
    return selection


def _known(path: Path | None) -> Counter[Fingerprint] | None:
    if path is None:
        return None
    from gradtrace.diagnosis.baseline import read

    return read(path)


def _examined(ended: Traced, wish: _Wish, request: Request) -> Trace:
    """The trace with its findings; a baseline that was to be written is."""
    from gradtrace.diagnosis import baseline
    from gradtrace.diagnosis.examine import examine

    folder = wish.baseline.parent if wish.baseline else None
    loaded = ended.load(request.rank)
    trace = examine(loaded, wish.selection, wish.known, folder, request.sources)
    for note in trace.run.notes[len(loaded.run.notes) :]:
        request.say(note)
    if wish.writes_baseline and wish.baseline is not None:
        counted = [finding for finding in trace.findings if finding.severity != Severity.INFO]
        baseline.write(wish.baseline, counted)
        are_known = "1 finding is" if len(counted) == 1 else f"{len(counted)} findings are"
        request.say(f"{are_known} known from now on: {wish.baseline}")
        return replace(trace, findings=())
    return trace


def _rendered(
    trace: Trace, shown_as: Format, place: Output, here: Path, *, ascii_only: bool, graphs: bool
) -> Iterable[str | bytes]:
    from gradtrace.diagnosis.examine import seen_from
    from gradtrace.diagnosis.registry import RULES
    from gradtrace.renderers.view_options import ViewContext

    context = ViewContext(
        graphs=graphs,
        rules=RULES,
        color=place.console.color,
        width=place.console.width,
        ascii_only=ascii_only or not place.console.unicode,
    )
    if shown_as.name != "json":  # there all places are absolute
        trace = replace(trace, findings=tuple(seen_from(finding, here) for finding in trace.findings))
    return shown_as.pieces(trace, context=context) or (shown_as.render(trace, context=context),)


def _format(name: str | None, place: Output) -> Format:
    from gradtrace.renderers import registry

    if name is None and place.path is not None and place.path.suffix:
        return registry.for_file(place.path, registry.DIAGNOSES)
    return registry.find(name or "full", registry.DIAGNOSES)
