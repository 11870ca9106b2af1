"""What differs between two runs, for programs."""

from collections.abc import Sequence
from typing import Literal

from gradtrace.analysis.coverage import n_passes
from gradtrace.analysis.diff.by_rank import RankedComparison
from gradtrace.analysis.diff.first import Divergence, First, first_divergence
from gradtrace.analysis.diff.runs import Comparison
from gradtrace.analysis.diff.source import Hunk
from gradtrace.model import Trace
from gradtrace.renderers.diff.words import sentence
from gradtrace.renderers.document.findings import Finding, finding
from gradtrace.renderers.document.layout import Part, Rows, Section, pieces
from gradtrace.renderers.document.run import ProgramError, error
from gradtrace.renderers.document.tensors import Location, location
from gradtrace.text import verdicts

FORMAT_VERSION = (1, 1)
"""History: 1.0 the first; 1.1 `rank`, `ranks`, and the ranks that only one run has."""


class ComparedRun(Part, frozen=True, kw_only=True):
    """One of the two runs.

    Attributes:
        target: what was run.
        status: its exit status, negative for a signal; null while it is not known.
        error: the exception that ended it, or null.
        passes: how many backward passes ran.
    """

    target: str
    status: int | None
    error: ProgramError | None
    passes: int


class Compared(Part, frozen=True, kw_only=True):
    """How much was laid side by side.

    Attributes:
        passes: pairs of passes.
        leaves: pairs of leaves.
    """

    passes: int
    leaves: int


class SourceLine(Part, frozen=True, kw_only=True):
    """A line of a source.

    Attributes:
        line: its number, from 1.
        text: what it says.
    """

    line: int
    text: str


class SourceChange(Part, frozen=True, kw_only=True):
    """Lines that one source has in place of others.

    Attributes:
        old: those of the old source.
        new: those of the new one.
    """

    old: list[SourceLine]
    new: list[SourceLine]


class FirstDifference(Part, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """Where two runs part first.

    Attributes:
        kind: how.
        message: a sentence for people.
        pass_index: the pass of the new run in which, or before which, they do; null where it is none.
        old: the line of the old program, or null.
        new: the line of the new one, or null.
    """

    kind: Divergence
    message: str
    pass_index: int | None
    old: Location | None
    new: Location | None


class ComparedPass(Part, frozen=True, kw_only=True):
    """How much differs in a pair of passes.

    Attributes:
        old: index of the pass of the old run.
        new: index of the pass of the new run.
        nodes: how many pairs of nodes there are.
        only_old: how many nodes only the old one has.
        only_new: how many nodes only the new one has.
        other_operands: how many pairs are fed otherwise.
        other_values: how many pairs computed something else.
        other_gradients: how many pairs received another gradient.
        leaves: names of the leaves that got another gradient.
    """

    old: int
    new: int
    nodes: int
    only_old: int
    only_new: int
    other_operands: int
    other_values: int
    other_gradients: int
    leaves: list[str]


class OtherLeaves(Part, frozen=True, kw_only=True):
    """Leaves that only one of the runs has.

    Attributes:
        only_old: names of those of the old run.
        only_new: names of those of the new run.
    """

    only_old: list[str]
    only_new: list[str]


class OtherHistory(Part, frozen=True, kw_only=True):
    """Leaves whose `.grad` had another history.

    Attributes:
        leaves: their names.
        old: what happened in the old run, in words.
        new: what happened in the new run, in words.
    """

    leaves: list[str]
    old: str
    new: str


class OtherFindings(Part, frozen=True, kw_only=True):
    """Findings that only one of the runs has; their numbers of leaves and passes are those of that run.

    Attributes:
        only_old: those of the old run.
        only_new: those of the new run.
    """

    only_old: list[Finding]
    only_new: list[Finding]


class ComparedRank(Part, frozen=True, kw_only=True):
    """A rank that both runs have.

    Attributes:
        rank: which it is.
        first: where the two parted first on it, as a sentence; null where they did not.
    """

    rank: int
    first: str | None


class OtherRanks(Part, frozen=True, kw_only=True):
    """Ranks that only one of the runs has.

    Attributes:
        only_old: those of the old run.
        only_new: those of the new run.
    """

    only_old: tuple[int, ...]
    only_new: tuple[int, ...]


class DiffDocument(Section, frozen=True, kw_only=True):
    """What differs between two runs.

    Attributes:
        format: `gradtrace-diff`.
        version: major and minor; within a major version keys keep their meaning, and more may be added.
        equal: nothing differs.
        old: the old run.
        new: the new run.
        compared: how much was laid side by side.
        rank: the rank that all below is about, the one that parts first; null where a run without ranks was compared.
        ranks: each rank that both have.
        other_ranks: ranks that only one has.
        source: lines that only one of the programs has.
        first: where they part first; null when they are equal.
        passes: how much differs in each pair of passes.
        leaves: leaves that only one has.
        histories: leaves with another history.
        findings: findings that only one has.
    """

    format: Literal["gradtrace-diff"]
    version: tuple[int, int]
    equal: bool
    old: ComparedRun
    new: ComparedRun
    compared: Compared
    rank: int | None
    ranks: Sequence[ComparedRank]
    other_ranks: OtherRanks
    source: Sequence[SourceChange]
    first: FirstDifference | None
    passes: Sequence[ComparedPass]
    leaves: OtherLeaves
    histories: Sequence[OtherHistory]
    findings: OtherFindings


def render(ranked: RankedComparison, source: Sequence[Hunk] = ()) -> str:
    """The comparison as ASCII text that ends in a line break.

    Args:
        ranked: the two runs.
        source: what differs between the programs themselves.
    """
    comparison = ranked.comparison
    first = first_divergence(comparison)
    leaves = OtherLeaves(
        only_old=[leaf.name for leaf in comparison.lost], only_new=[leaf.name for leaf in comparison.found]
    )
    findings = OtherFindings(
        only_old=list(map(finding, comparison.findings_old)), only_new=list(map(finding, comparison.findings_new))
    )
    document = DiffDocument(
        format="gradtrace-diff",
        version=FORMAT_VERSION,
        equal=ranked.is_equal,
        old=_run(comparison.old),
        new=_run(comparison.new),
        compared=Compared(passes=len(comparison.passes), leaves=len(comparison.leaves)),
        rank=ranked.rank,
        ranks=[ComparedRank(rank=rank, first=None if one is None else sentence(one)) for rank, one in ranked.firsts],
        other_ranks=OtherRanks(only_old=ranked.only_old, only_new=ranked.only_new),
        source=Rows(lambda hunk: SourceChange(old=_lines(hunk.old), new=_lines(hunk.new)), source),
        first=None if first is None else _first(first),
        passes=_passes(comparison),
        leaves=leaves,
        histories=Rows(
            lambda one: OtherHistory(
                leaves=list(one.names), old=verdicts.verdict(one.old), new=verdicts.verdict(one.new)
            ),
            comparison.histories,
        ),
        findings=findings,
    )
    return "".join(pieces(document))


def _run(trace: Trace) -> ComparedRun:
    run = trace.run
    return ComparedRun(target=run.target, status=run.status, error=error(run.error), passes=n_passes(trace))


def _lines(lines: Sequence[tuple[int, str]]) -> list[SourceLine]:
    return [SourceLine(line=number, text=text) for number, text in lines]


def _first(first: First) -> FirstDifference:
    return FirstDifference(
        kind=first.kind,
        message=sentence(first),
        pass_index=first.pass_index or None,
        old=location(first.old),
        new=location(first.new),
    )


def _passes(comparison: Comparison) -> Rows[ComparedPass]:
    pairs = list(zip(comparison.passes, comparison.gradients, strict=True))
    return Rows(
        lambda one: ComparedPass(
            old=one[0].old.index,
            new=one[0].new.index,
            nodes=len(one[0].nodes),
            only_old=sum(len(stretch.nodes) for stretch in one[0].only_old),
            only_new=sum(len(stretch.nodes) for stretch in one[0].only_new),
            other_operands=len(one[0].rewired),
            other_values=len(one[0].values),
            other_gradients=len(one[0].gradients),
            leaves=[change.name for change in one[1]],
        ),
        pairs,
    )
