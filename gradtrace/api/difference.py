"""`diff`: two runs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradtrace.api import views
from gradtrace.errors import NothingSeenError, UsageError
from gradtrace.model import Trace
from gradtrace.suggest import no_such

if TYPE_CHECKING:
    from gradtrace.analysis.diff.by_rank import RankedComparison

_FORMATS = ("text", "markdown", "json")
_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """What `diff` found.

    Attributes:
        first: where the two runs part first, as a sentence; None when they do not.
    """

    first: str | None
    _comparison: RankedComparison

    def __repr__(self) -> str:
        return f"<gradtrace.Difference: {self.first or 'none'}>"

    def __str__(self) -> str:
        """What `gradtrace diff` prints."""
        return self.render(width=_WIDTH)

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self.first is not None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002 - as IPython asks
        """What a notebook shows."""
        return {"text/plain": str(self)}

    def render(
        self,
        format: str = "text",  # noqa: A002 - the command's own word
        *,
        stat: bool = False,
        verbose: bool = False,
        width: int | None = None,
        color: bool = False,
        ascii_only: bool = False,
    ) -> str:
        """Write it as `gradtrace diff` does.

        Args:
            format: `text`, `markdown` or `json`.
            stat: only how much differs.
            verbose: every row of every table.
            width: of a text, in columns; 100 when None.
            color: of a text, with escape codes.
            ascii_only: no characters beyond ASCII.

        Raises:
            UsageError: there is no format of that name.
        """
        from gradtrace.renderers.diff import document, report  # noqa: PLC0415

        if format not in _FORMATS:
            raise UsageError(no_such("format", format, _FORMATS))
        if format == "json":
            return views.Text(document.render(self._comparison, ()))
        options = report.Options(
            stat=stat,
            markdown=format == "markdown",
            color=color,
            width=width,
            verbose=verbose,
            ascii_only=ascii_only,
        )
        return views.Text(report.render(self._comparison, options))


def diff(old: Trace, new: Trace) -> Difference:
    """Lay two traces side by side, as `gradtrace diff` does: the line at which they part first, then what differs.

    What belongs together is found by names, by modules and by the text of lines, so that lines may have moved. Of a
    distributed program lay one rank beside the same: `load(path, rank=1)`.

    Args:
        old: one run, best recorded with `facts=True`.
        new: another, recorded alike.

    Returns:
        What differs; false where nothing does.

    Raises:
        NothingSeenError: they have nothing in common that could be compared.
    """
    from gradtrace.analysis.diff.by_rank import compare_by_rank  # noqa: PLC0415
    from gradtrace.analysis.diff.first import first_divergence  # noqa: PLC0415
    from gradtrace.renderers.diff.words import sentence  # noqa: PLC0415

    ranked = compare_by_rank({None: old}, {None: new})
    if not ranked.comparison.is_comparable:
        raise NothingSeenError("nothing to compare: the two traces have no pass and no leaf in common")
    first = first_divergence(ranked.comparison)
    return Difference(None if first is None else sentence(first), ranked)
