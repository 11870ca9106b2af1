"""`check` and `why`: what is wrong with the gradients, and what became of one of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradtrace.api import views
from gradtrace.errors import NothingSeenError, UsageError
from gradtrace.model import Finding, Trace
from gradtrace.model.kinds import Severity
from gradtrace.renderers import registry
from gradtrace.renderers.view_options import ViewContext
from gradtrace.suggest import no_such

_WIDTH = 80
_ANSWERS = ("text", "markdown", "json")


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
        raise UsageError(no_such("format", format, _ANSWERS))
    folders = _folders(sources)
    selection = Selection(severity=Severity.INFO if verbose else Severity.WARNING)
    answer = reasons.why(examine(trace, selection, sources=folders), name, folders)
    options = reason.Options(format, color=color, width=width, verbose=verbose, ascii_only=ascii_only)
    return views.Text(reason.render(answer, options))


def _folders(sources: Iterable[str | Path]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(source)) for source in sources)
