"""What ended a program or a pass."""

from collections.abc import Iterator

from gradtrace.analysis.coverage import coverage
from gradtrace.model import BackwardPass, Blind, Trace
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph
from gradtrace.text.coverage_words import said
from gradtrace.text.source_maths import span
from gradtrace.text.steps.calls import word


def run_errors(trace: Trace, *, is_explained: bool = False) -> Iterator[Block]:
    """What ended a program or a pass, with its place, and what was not looked at.

    Args:
        trace: the run.
        is_explained: findings beside it say why; of torch's own message the beginning is enough then.
    """
    for gap in coverage(trace):
        if not gap.is_chosen:
            is_alarming = gap.is_open and gap.spot.reason != Blind.FAKE_TENSORS  # they were chosen
            label, style = ("error", "alarm") if is_alarming else ("note", "")
            yield Paragraph(f"{said(gap)}.", label, style)
    error = trace.run.error
    first = None if trace.whole is None else trace.whole.run.error
    if trace.whole is not None and first is not None and first != error and trace.whole.run.failed_rank:
        where = wording.at(first.frames[-1] if first.frames else None)
        text = f"{first.type}{where} ended {trace.whole.run.failed_rank} first: {_short(first.message)}"
        yield Paragraph(text.rstrip().rstrip(":"), "error", "alarm")
    if error is not None:
        where = wording.at(error.frames[-1] if error.frames else None)
        message = f": {_short(error.message) if is_explained else error.message}"
        text = f"{error.type}{where} ended {trace.run.failed_rank or 'the program'}{message}"
        yield Paragraph(text.rstrip().rstrip(":"), "error", "alarm")
    for one in trace.passes:
        if one.error is None:
            continue
        if one.error.is_incomplete:
            yield Paragraph(
                f"pass {one.index} did not come to its end: {one.error.message}; what is known of it is shown.",
                "error",
                "alarm",
            )
            continue
        message = "" if error is not None and one.error.message == error.message else f": {one.error.message}"
        yield Paragraph(f"pass {one.index} raised {one.error.type}{_node(one)}{message}", "error", "alarm")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(' ')[0]} …"


_LONGEST = 110


def _node(one: BackwardPass) -> str:
    if one.error is None or one.error.node is None or one.graph is None or one.error.node >= len(one.graph.nodes):
        return ""
    node = one.graph.nodes[one.error.node]
    source = span(node.location)
    place = wording.location(node.location)
    details = ", ".join(part for part in (source, place) if part)
    return f" at {word(node)}{f' ({details})' if details else ''}"
