"""What the terminal tree says of the places where values left the graph."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.model import BackwardPass, Trace
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph
from gradtrace.text.cut_words import cut_off, lost_to
from gradtrace.text.escape import one_line

_MOST = 6
_LONGEST = 300


def cut_blocks(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """A paragraph for each cut whose value came back into the graph of the pass."""
    cuts = [cut for cut in trace.cuts if one.index in cut.passes and cut.process == one.process]
    for cut in cuts[:_MOST]:
        said = (one_line(cut_off(cut), _LONGEST), lost_to(cut, trace.leaves))
        yield Paragraph(": ".join(filter(None, said)), "cut")
    if len(cuts) > _MOST:
        yield Paragraph(f"and {wording.count(len(cuts) - _MOST, 'more cut')}", "cut")
