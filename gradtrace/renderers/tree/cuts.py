"""What the terminal tree says of the places where values left the graph."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.model import BackwardPass, Trace
from gradtrace.text.blocks import Block, Paragraph
from gradtrace.text.cut_words import cuts_of


def cut_blocks(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """A paragraph for each cut whose value came back into the graph of the pass."""
    yield from (Paragraph(said, "cut") for said in cuts_of(trace, one))
