"""What differs between two runs, for people: the first difference first, then the rest by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradtrace.analysis.diff.by_rank import RankedComparison
from gradtrace.analysis.diff.first import First, first_divergence
from gradtrace.analysis.diff.runs import Comparison, LeafChange
from gradtrace.analysis.diff.source import Hunk
from gradtrace.model import Accumulation, Finding, Location, Trace, ranks_in_words
from gradtrace.renderers.diff.counts import compared, counts
from gradtrace.renderers.diff.words import sentence
from gradtrace.text import verdicts, wording
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.markdown import Markdown
from gradtrace.text.terminal import Terminal

_WIDTH = 100
_NARROWEST = 40
_ROWS = 24
_FINDINGS = 10
_SOURCE_ROWS = 12


@dataclass(frozen=True, slots=True)
class Options:
    """How a comparison is written.

    Attributes:
        stat: only how much differs, a line for each kind.
        markdown: as Markdown rather than for a terminal.
        color: with escape codes.
        width: columns; 100 when None.
        verbose: every row of every table.
        ascii_only: no characters beyond ASCII.
    """

    stat: bool = False
    markdown: bool = False
    color: bool = False
    width: int | None = None
    verbose: bool = False
    ascii_only: bool = False


def render(ranked: RankedComparison, options: Options, source: Sequence[Hunk] = ()) -> str:
    """The comparison as text that ends in a line break.

    Args:
        ranked: two runs.
        options: how it is written.
        source: the lines in which their programs differ, where both could be read.
    """
    blocks = tuple(_blocks(ranked, options, source))
    if options.markdown:
        return Markdown().write(blocks)
    width = max(options.width or _WIDTH, _NARROWEST)
    return Terminal(width, options.color, options.ascii_only).write(blocks)


def _blocks(ranked: RankedComparison, options: Options, source: Sequence[Hunk]) -> Iterator[Block]:
    comparison = ranked.comparison
    old, new = comparison.old.run.target, comparison.new.run.target
    yield Table((), ((Cell("OLD", "muted"), Cell(old)), (Cell("NEW", "muted"), Cell(new))))
    of_rank = "" if ranked.rank is None else f"Rank {ranked.rank}: "
    yield Paragraph(f"{of_rank}{compared(comparison)}.")
    yield from _ranks(ranked)
    yield from _source(source, None if options.verbose else _SOURCE_ROWS)
    first = first_divergence(comparison)
    if first is None:
        where = f" on {ranks_in_words([rank for rank, _ in ranked.firsts])}" if ranked.firsts else ""
        yield Paragraph(f"No difference{where}: graphs, values, gradients and the history of every .grad are the same.")
        return
    if options.stat:
        yield Table((), tuple((Cell(kind, "name"), Cell(text)) for kind, text in counts(comparison)))
        return
    yield from _first(first)
    most = None if options.verbose else _ROWS
    yield from _gradients(comparison, most)
    yield from _leaves(comparison, most)
    yield from _histories(comparison)
    yield from _findings(comparison)
    yield from _endings(comparison)


def _ranks(ranked: RankedComparison) -> Iterator[Block]:
    """Which ranks differ, and from where on; which only one of the runs has."""
    for which, ranks in (("OLD", ranked.only_old), ("NEW", ranked.only_new)):
        if ranks and not ranked.unranked:
            yield Paragraph(f"only {which} has {ranks_in_words(ranks)}.", "note")
    n_ranks = len(ranked.only_old) + len(ranked.only_new)
    if ranked.unranked:
        yield Paragraph(f"{ranked.unranked} ran without ranks: rank {ranked.rank} of {n_ranks} is beside it.", "note")
    differ = [rank for rank, first in ranked.firsts if first is not None]
    if len(ranked.firsts) > 1 and differ:
        yield Heading(f"Of {wording.count(len(ranked.firsts), 'rank')}, {len(differ)} differ, rank {ranked.rank} first")
        rows = [
            (Cell(f"rank {rank}", "name"), Cell("no difference" if first is None else sentence(first)))
            for rank, first in ranked.firsts[:_ROWS]
        ]
        if len(ranked.firsts) > _ROWS:
            rows.append((Cell("…", "muted"), Cell(f"{len(ranked.firsts) - _ROWS:,} more ranks", "muted")))
        yield Table((), tuple(rows))


def _first(first: First) -> Iterator[Block]:
    yield Heading("Where they part first")
    text = sentence(first)
    yield Paragraph(f"{text[0].upper()}{text[1:]}.")
    rows = [_line(side, place) for side, place in (("-", first.old), ("+", first.new)) if place is not None]
    if rows:
        yield Table((), tuple(rows))


def _source(source: Sequence[Hunk], most: int | None) -> Iterator[Block]:
    rows = [
        (Cell(side, "alarm" if side == "-" else "name"), Cell(str(number), "muted"), Cell(text))
        for hunk in source
        for side, lines in (("-", hunk.old), ("+", hunk.new))
        for number, text in lines
    ]
    if not rows:
        return
    yield Heading("What differs in the source")
    shown = rows[:most]
    if len(shown) < len(rows):
        shown.append((Cell("…", "muted"), Cell(""), Cell(f"{len(rows) - len(shown):,} more lines: --verbose", "muted")))
    yield Table((), tuple(shown))


def _line(side: str, place: Location) -> tuple[Cell, ...]:
    text = place.text.strip().partition("\n")[0]
    return Cell(side, "alarm" if side == "-" else "name"), Cell(wording.location(place), "muted"), Cell(text)


def _gradients(comparison: Comparison, most: int | None) -> Iterator[Block]:
    """The leaves that get another gradient, in the first pass in which any does."""
    found = ((pair, changes) for pair, changes in zip(comparison.passes, comparison.gradients, strict=True) if changes)
    for pair, changes in found:
        yield Heading(f"What pass {pair.new.index} adds")
        rows = [(Cell(change.name, "name"), *_added(change)) for change in changes[:most]]
        if len(rows) < len(changes):
            rows.append((Cell(f"… and {len(changes) - len(rows):,} more: --verbose", "muted"), Cell(""), Cell("")))
        yield Table(("leaf", "OLD", "NEW"), tuple(rows))
        return


def _added(change: LeafChange) -> tuple[Cell, Cell]:
    def cell(row: Accumulation | None) -> Cell:
        if row is None:
            return Cell("not in the graph", "muted")
        return Cell(wording.gradient(row.contribution) if row.contribution is not None else "nothing", "gradient")

    return cell(change.old), cell(change.new)


def _leaves(comparison: Comparison, most: int | None) -> Iterator[Block]:
    for leaves, which in ((comparison.lost, "OLD"), (comparison.found, "NEW")):
        if leaves:
            yield Heading(f"Leaves only in {which}")
            rows = [
                (
                    Cell(leaf.name, "name"),
                    Cell(wording.spec(leaf.shape, leaf.dtype, leaf.device), "muted"),
                    Cell(wording.location(leaf.location)),
                )
                for leaf in leaves[:most]
            ]
            if len(rows) < len(leaves):
                rows.append((Cell(f"… and {len(leaves) - len(rows):,} more: --verbose", "muted"), Cell(""), Cell("")))
            yield Table((), tuple(rows))


def _histories(comparison: Comparison) -> Iterator[Block]:
    if not comparison.histories:
        return
    yield Heading("What happened to .grad")
    for one in comparison.histories:
        who = wording.listing(one.names, 4)
        yield Paragraph(f"{who}: {verdicts.verdict(one.old)}.", "OLD")
        yield Paragraph(f"{who}: {verdicts.verdict(one.new)}.", "NEW")


def _findings(comparison: Comparison) -> Iterator[Block]:
    if not (comparison.findings_old or comparison.findings_new):
        return
    yield Heading("What a diagnosis finds in one of them only")
    for findings, which in ((comparison.findings_old, "OLD"), (comparison.findings_new, "NEW")):
        for finding in findings[:_FINDINGS]:
            yield Paragraph(_finding(finding), which)


def _finding(finding: Finding) -> str:
    return f"{finding.severity} [{finding.rule}]{wording.at(finding.location)}: {finding.message}"


def _endings(comparison: Comparison) -> Iterator[Block]:
    ends = [_ending(trace) for trace in (comparison.old, comparison.new)]
    if ends[0] != ends[1]:
        yield Heading("How they ended")
        yield Table((), ((Cell("OLD", "muted"), Cell(ends[0])), (Cell("NEW", "muted"), Cell(ends[1]))))


def _ending(trace: Trace) -> str:
    error = trace.run.error
    if error is not None:
        return f"{error.type}: {error.message.splitlines()[0] if error.message else ''}"
    status = trace.run.status
    return "with status 0" if not status else f"with status {status}" if status > 0 else f"by signal {-status}"
