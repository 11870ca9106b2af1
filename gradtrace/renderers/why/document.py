"""The answer as one strict JSON object, for other programs."""

from collections.abc import Sequence
from typing import Literal

from gradtrace.analysis.paths import Way as SeenWay
from gradtrace.analysis.paths import Ways as SeenWays
from gradtrace.analysis.reasons import Answer, Reason, Subject
from gradtrace.renderers.document.cuts import Cut, cut
from gradtrace.renderers.document.findings import Finding, finding
from gradtrace.renderers.document.layout import Part, Rows, Section, pieces
from gradtrace.renderers.document.ledger import Event, event
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.passes import Reduction
from gradtrace.renderers.document.run import ProgramError, error
from gradtrace.renderers.document.tensors import Location, Statistics, location, statistics
from gradtrace.renderers.why.advice import advice
from gradtrace.renderers.why.words import headline
from gradtrace.text.strict_json import exact

FORMAT_VERSION = (2, 1)
"""History: 1.0 the first; 1.1 findings; 2.0 cuts, events, findings and errors have the keys of the trace document;
2.1 what ranks made of a gradient."""


class Way(Part, frozen=True, kw_only=True):
    """One of the edges at which the ways of a gradient part.

    Attributes:
        edge: its position in the edges of the graph.
        source: id of the node that it leaves.
        sent: the gradient that it brings; null when that is not known, or nothing came.
        paths: how many paths from the roots go through it; one beyond `2**53` is hexadecimal text.
    """

    edge: int
    source: int
    sent: Statistics | None
    paths: int | str


class Ways(Part, frozen=True, kw_only=True):
    """How a gradient came.

    Attributes:
        paths: how many paths there are from the roots; one beyond `2**53` is hexadecimal text.
        meeting: id of the node where the ways meet.
        route: ids of the nodes from a root to the source of the largest way.
        trunk: ids of the nodes after the meeting, down to the tensor: every path goes through them.
        ways: the edges that arrive at the meeting, the largest gradient first.
    """

    paths: int | str
    meeting: int
    route: tuple[int, ...]
    trunk: tuple[int, ...]
    ways: list[Way]


class RankAddition(Part, frozen=True, kw_only=True):
    """What one rank added.

    Attributes:
        rank: the rank, in words.
        added: what came; null where nothing did.
    """

    rank: str
    added: Statistics | None


class TensorAnswer(Section, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """Why a tensor, or several alike, has the gradient that it has, or none.

    Attributes:
        names: the tensors that it is about.
        kind: `parameter`, `buffer` or `tensor` (leaves), `value` (a result), or what else bears the name.
        reason: the answer in a word.
        message: the answer in a sentence.
        help: what to do about it; empty where there is nothing to do.
        location: the line that answers, or null.
        pass_index: the pass that it is about, or null.
        node: id of the tensor's node in the graph of that pass, or null.
        leaf: id of the leaf, or null.
        gradient: what arrived in that pass, or null.
        before: `.grad` before the pass, or null.
        after: `.grad` after it, or null.
        culprit: id of the node at which the gradient was lost, or null.
        cuts: where values that derive from it left the graph, those that matter most first.
        route: ids of the nodes from the root to where the first of the cuts came back as a constant.
        events: what the program did to it, that explains the answer.
        passes: indices of the recorded passes that added to it.
        optimizers: ids of the optimizers that own it.
        error: what ended the program, where that is the answer, or null.
        findings: what the rules found about it.
        reduced: what ranks of a distributed program made together of what each had for it, or null.
        reduced_in: the pass in which they did; 0 where each kept its own.
        reduced_to: `.grad` after that, or null.
        by_rank: what each rank added to it in that pass; empty where each kept its own.
        ways: how the gradient came, or null.
    """

    names: list[str]
    kind: str
    reason: Reason
    message: str
    help: str
    location: Location | None
    pass_index: int | None
    node: int | None
    leaf: int | None
    gradient: Statistics | None
    before: Statistics | None
    after: Statistics | None
    culprit: int | None
    cuts: list[Cut]
    route: tuple[int, ...]
    events: list[Event]
    passes: tuple[int, ...]
    optimizers: list[int]
    error: ProgramError | None
    findings: list[Finding]
    reduced: Reduction | None
    reduced_in: int
    reduced_to: Statistics | None
    by_rank: list[RankAddition]
    ways: Ways | None


class WhyDocument(Section, frozen=True, kw_only=True):
    """The answer of `gradtrace why`.

    Attributes:
        format: `gradtrace-answer`.
        version: major and minor; within a major version keys keep their meaning, and more may be added.
        asked: the name that was asked about.
        answers: one for each tensor that is meant; one for several where it fits them all.
    """

    format: Literal["gradtrace-answer"]
    version: tuple[int, int]
    asked: str
    answers: Sequence[TensorAnswer]


def render(answer: Answer) -> str:
    """ASCII text with a newline at its end."""
    document = WhyDocument(
        format="gradtrace-answer",
        version=FORMAT_VERSION,
        asked=answer.asked,
        answers=Rows(_answer, answer.subjects),
    )
    return "".join(pieces(document))


def _answer(one: Subject) -> TensorAnswer:
    return TensorAnswer(
        names=[one.name, *one.same],
        kind=one.kind,
        reason=one.reason,
        message=headline(one),
        help=advice(one),
        location=location(one.place),
        reduced=None if one.reduced is None else mirrored(Reduction, one.reduced),
        reduced_in=one.reduced_in,
        reduced_to=statistics(one.reduced_to),
        by_rank=[RankAddition(rank=rank, added=statistics(came)) for rank, came in one.by_rank],
        pass_index=one.backward.index if one.backward is not None else None,
        node=one.node,
        leaf=one.leaf.id if one.leaf is not None else None,
        gradient=statistics(one.gradient),
        before=statistics(one.before),
        after=statistics(one.after),
        culprit=one.culprit,
        cuts=list(map(cut, one.cuts)),
        route=one.reentry,
        events=list(map(event, one.events)),
        passes=one.passes,
        optimizers=[owner.id for owner in one.owners],
        error=error(one.error),
        findings=list(map(finding, one.findings)),
        ways=_ways(one.ways),
    )


def _ways(one: SeenWays | None) -> Ways | None:
    if one is None:
        return None
    return Ways(
        paths=exact(one.n_paths),
        meeting=one.meeting,
        route=one.route,
        trunk=one.trunk,
        ways=list(map(_way, one.ways)),
    )


def _way(one: SeenWay) -> Way:
    return Way(edge=one.edge, source=one.source, sent=statistics(one.sent), paths=exact(one.n_paths))
