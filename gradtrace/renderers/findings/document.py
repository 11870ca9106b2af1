"""What a diagnosis found as one strict JSON object of a few kilobytes, for other programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from gradtrace.analysis.coverage import could_not_look, n_passes
from gradtrace.model import Finding as Found
from gradtrace.model import Leaf as SeenLeaf
from gradtrace.model import LeafKind, Severity, Trace
from gradtrace.renderers.document import layout
from gradtrace.renderers.document import trace as trace_document
from gradtrace.renderers.document.findings import Finding, finding
from gradtrace.renderers.document.layout import Part, Rows, Section
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.run import Run, run
from gradtrace.renderers.document.tensors import Location
from gradtrace.renderers.document.trace import TraceDocument
from gradtrace.renderers.findings.summary import summary

FORMAT_VERSION = (1, 0)
"""History: 1.0 the first."""

_MOST = 100
"""So many findings and leaves are written, and so many leaves and passes of a finding."""

_MOST_FRAMES = 20
_LONGEST = 4_000
"""Characters of an exception's message."""


class CheckAnswer(StrEnum):
    """What came out of a diagnosis."""

    FOUND = "found"
    """Errors or warnings were found."""
    NOTHING_FOUND = "nothing_found"
    """All was looked at, and nothing was found."""
    COULD_NOT_LOOK = "could_not_look"
    """Nothing was found, and something was not looked at: that is not "nothing wrong"."""


class Verdict(Section, frozen=True, kw_only=True):
    """What came out of the diagnosis.

    Attributes:
        answer: in a word.
        message: in sentences: what was found, what was not looked at, and what stands against "nothing wrong".
        reasons: what was not looked at so that the question stays open, a sentence each; `run.blind_spots` has more.
    """

    answer: CheckAnswer
    message: list[str]
    reasons: list[str]


class Counts(Section, frozen=True, kw_only=True):
    """How much was found, and in how much.

    Attributes:
        errors: findings of severity `error`.
        warnings: findings of severity `warning`.
        infos: findings of severity `info`, shown with `--verbose`.
        passes: backward passes that ran.
        passes_in_full: those of them that were recorded in full.
        steps: steps of optimizers that were looked at.
        leaves: tensors that accumulate into `.grad`.
    """

    errors: int
    warnings: int
    infos: int
    passes: int
    passes_in_full: int
    steps: int
    leaves: int


class NamedLeaf(Part, frozen=True, kw_only=True):
    """A leaf that a finding concerns.

    Attributes:
        id: the number that findings give.
        name: what a person would call it: `fc1.weight`, `w`.
        kind: what it is.
        shape: its shape.
        dtype: its dtype, without `torch.`.
        location: where it was made, or null.
        process: which process of the run it lives in.
    """

    id: int
    name: str
    kind: LeafKind
    shape: tuple[int, ...]
    dtype: str
    location: Location | None
    process: int


class CheckDocument(Section, frozen=True, kw_only=True):
    """What `gradtrace check` found: at most 100 findings, of at most 100 leaves and passes each.

    Attributes:
        format: `gradtrace-check`.
        version: major and minor; within a major version keys keep their meaning, and more may be added.
        run: what was run, and how it ended; of an exception the innermost 20 calls and 4,000 characters.
        verdict: what came out.
        counts: how much was found, and in how much.
        findings: the findings, the most severe first; their places are absolute.
        leaves: the first 100 leaves that these findings concern.
        omitted: how many more `findings` and `leaves` there are; empty when all are here.
        trace: the whole trace document, with `--graphs`; else absent.
    """

    format: Literal["gradtrace-check"]
    version: tuple[int, int]
    run: Run
    verdict: Verdict
    counts: Counts
    findings: Sequence[Finding]
    leaves: Sequence[NamedLeaf]
    omitted: dict[str, int]
    trace: TraceDocument | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Options:
    """With `graphs` the whole trace document stands in it too."""

    graphs: bool = False


def render(trace: Trace, options: Options) -> str:
    """ASCII text with a newline at its end."""
    return "".join(pieces(trace, options))


def pieces(trace: Trace, options: Options) -> Iterator[str]:
    """The same text piece by piece."""
    findings = trace.findings[:_MOST]
    ids = dict.fromkeys(leaf for one in findings for leaf in one.leaves if leaf < len(trace.leaves))
    leaves = [trace.leaves[leaf] for leaf in ids]
    left = {"findings": len(trace.findings[_MOST:]), "leaves": len(leaves[_MOST:])}
    document = CheckDocument(
        format="gradtrace-check",
        version=FORMAT_VERSION,
        run=_bounded(run(trace)),
        verdict=_verdict(trace),
        counts=_counts(trace),
        findings=Rows(_finding, findings),
        leaves=Rows(_leaf, leaves[:_MOST]),
        omitted={name: number for name, number in left.items() if number},
        trace=trace_document.document(trace, trace_document.Options()) if options.graphs else UNSET,
    )
    return layout.pieces(document)


def _finding(one: Found) -> Finding:
    whole = finding(one)
    return replace(whole, leaves=whole.leaves[:_MOST], passes=whole.passes[:_MOST])


def _leaf(leaf: SeenLeaf) -> NamedLeaf:
    return mirrored(NamedLeaf, leaf)


def _bounded(whole: Run) -> Run:
    error = whole.error
    if error is None:
        return whole
    return replace(whole, error=replace(error, message=error.message[:_LONGEST], frames=error.frames[-_MOST_FRAMES:]))


def _verdict(trace: Trace) -> Verdict:
    is_found = any(one.severity != Severity.INFO for one in trace.findings)
    answer = (
        CheckAnswer.FOUND
        if is_found
        else CheckAnswer.COULD_NOT_LOOK
        if could_not_look(trace)
        else CheckAnswer.NOTHING_FOUND
    )
    reasons = [spot.message for spot in run(trace).blind_spots if spot.is_open]
    return Verdict(answer=answer, message=list(summary(trace)), reasons=reasons)


def _counts(trace: Trace) -> Counts:
    severities = [one.severity for one in trace.findings]
    return Counts(
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        infos=severities.count(Severity.INFO),
        passes=n_passes(trace),
        passes_in_full=sum(one.graph is not None and not one.is_drawn_only for one in trace.passes),
        steps=len(trace.steps),
        leaves=len(trace.leaves),
    )
