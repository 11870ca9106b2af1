"""Findings for people: a headline, the source lines that matter, notes and the fix, as compilers write them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from rich.cells import cell_len, set_cell_size

from gradtrace.analysis.ranks import where
from gradtrace.model import Finding, Severity, Trace, ranks_in_words
from gradtrace.renderers.findings.summary import summary
from gradtrace.text.escape import one_line
from gradtrace.text.snippet import Line, Mark, Piece, gutter_width, snippet, wrapped, written
from gradtrace.text.wording import listing, ranges

_WIDTH = 80
_NARROWEST, _WIDEST = 40, 120
_MOST_NAMES = 4
_LONGEST = 2_000
"""Characters of one text that are shown."""

_CODES = {
    Severity.ERROR: "1;31",
    Severity.WARNING: "1;33",
    Severity.INFO: "1;36",
    "headline": "1",
    "gutter": "1;34",
    "secondary": "34",
    "help": "1;32",
    "note": "1",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How they are written; `width` is None in pipes and files."""

    width: int | None = None
    color: bool = False
    ascii_only: bool = False


def render(trace: Trace, options: Options) -> str:
    """All findings in order, and last lines that count them and say what was not looked at."""
    width = min(max(options.width or _WIDTH, _NARROWEST), _WIDEST)
    lines: list[str] = []
    for finding in trace.findings:
        codes = {**_CODES, "primary": _CODES.get(finding.severity, "1")} if options.color else {}
        lines += [*written(_finding(finding, trace, width), codes), ""]
    answer, *rest = summary(trace)
    lines += wrapped(answer, width)
    lines += _overview(trace.findings, width)
    lines += [line for sentence in rest for line in wrapped(sentence, width)]
    text = "".join(f"{line}\n" for line in lines)
    return _ascii(text) if options.ascii_only else text


def _overview(findings: tuple[Finding, ...], width: int) -> Iterator[str]:
    """A line for each finding, where there are several: the end of the output shows what stands further up."""
    if len(findings) < 2:  # noqa: PLR2004
        return
    places = [_place(one) for one in findings]
    edge = max(map(cell_len, places))
    for finding, place in zip(findings, places, strict=True):
        padding = " " * (edge - cell_len(place))
        text = (
            f"  {place}{padding}  {finding.severity}[{one_line(finding.rule)}]: {one_line(finding.message, _LONGEST)}"
        )
        yield text if cell_len(text) <= width else f"{set_cell_size(text, width - 3)}..."


def _place(finding: Finding) -> str:
    """The file without its folder, and the line."""
    place = finding.location
    return f"{one_line(PurePath(place.file).name)}:{place.line}" if place else "(no line)"


def _finding(finding: Finding, trace: Trace, width: int) -> Iterator[Line]:
    title = f"{finding.severity}[{one_line(finding.rule)}]"
    first, *rest = wrapped(f"{title}: {one_line(finding.message, _LONGEST)}", width - 2)
    yield (Piece(title, "primary"), Piece(first[len(title) :], "headline"))
    yield from ((Piece(f"  {line}", "headline"),) for line in rest)
    marks = _marks(finding)
    gutter = gutter_width(marks)
    if marks:
        yield from snippet(marks, width)
        yield (Piece(" " * gutter + " |", "gutter"),)
    for note in _notes(finding, trace):
        yield from _remark("note", note, gutter, width)
    if finding.help:
        yield from _remark("help", finding.help, gutter, width)


def _marks(finding: Finding) -> list[Mark]:
    marks = [Mark(finding.location, is_primary=True)] if finding.location else []
    return marks + [Mark(related.location, related.message[:_LONGEST]) for related in finding.related]


def _notes(finding: Finding, trace: Trace) -> Iterator[str]:
    known = (trace.leaves[leaf].name for leaf in finding.leaves if leaf < len(trace.leaves))
    names = list(dict.fromkeys(known))  # other ranks have parameters of the same names
    if any(name not in finding.message for name in names):
        yield f"this concerns {listing(names, _MOST_NAMES)}"
    ranks, passes = where(trace, finding) if trace.run.has_ranks else ((), finding.passes)
    on = f" on {ranks_in_words(ranks)}" if ranks else ""
    if len(passes) > 1:
        yield f"in passes {ranges(passes)}{on}"
    elif on:
        yield f"in pass {passes[0]}{on}" if passes else on.strip()


def _remark(kind: str, text: str, gutter: int, width: int) -> Iterator[Line]:
    lead = f"{' ' * gutter} = "
    indent = len(lead) + len(kind) + 2
    paragraphs = [one_line(line, _LONGEST) for line in text.splitlines() if line.strip()]
    first, *rest = [line for paragraph in paragraphs for line in wrapped(paragraph, width - indent)] or [""]
    yield (Piece(lead, "gutter"), Piece(f"{kind}: ", kind), Piece(first))
    yield from ((Piece(" " * indent), Piece(line)) for line in rest)


def _ascii(text: str) -> str:
    """ASCII alone; each column of another character is one `?`, so that carets stay in place."""
    return "".join(char if char.isascii() else "?" * max(1, cell_len(char)) for char in text)
