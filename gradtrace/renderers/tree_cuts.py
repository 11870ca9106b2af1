"""What the terminal tree says of the places where values left the graph."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.model import BackwardPass, Trace
from gradtrace.renderers import wording
from gradtrace.renderers.cut_words import cut_off
from gradtrace.renderers.escape import one_line, visible
from gradtrace.renderers.explanation_blocks import Block, Paragraph

_MOST = 6
_NAMED = 3
_LONGEST = 300


def cut_blocks(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """A paragraph for each cut whose value came back into the graph of the pass."""
    cuts = [cut for cut in trace.cuts if one.index in cut.passes and cut.process == one.process]
    for cut in cuts[:_MOST]:
        names = [visible(trace.leaves[leaf].name, 40) for leaf in cut.leaves if leaf < len(trace.leaves)]
        who = f": no gradient this way to {wording.listing(names, _NAMED)}" if names else ""
        yield Paragraph(f"{one_line(cut_off(cut), _LONGEST)}{who}", "cut")
    if len(cuts) > _MOST:
        yield Paragraph(f"and {wording.count(len(cuts) - _MOST, 'more cut')}", "cut")
