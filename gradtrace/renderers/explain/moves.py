"""What the program itself did to leaves that no optimizer steps: how far they moved, and where it reads `.grad`."""

import math
from collections.abc import Iterator, Sequence

from gradtrace.analysis.leaf_order import natural
from gradtrace.model import CLEARING, BackwardPass, Move, Trace
from gradtrace.model.location import source_line
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph

_MOST_NAMED = 3
_MOST_LINES = 2


def moved_after(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """How far the program moved leaves between a pass and the next one that was recorded in full."""
    later = [pass_ for pass_ in trace.passes if pass_.index > one.index and pass_.process == one.process]
    end = next((pass_.index for pass_ in later if pass_.graph is not None), None)
    moves = [move for move in _moves(trace) if move.pass_index == end and move.process == one.process]
    if not moves or end is None:
        return
    moves.sort(key=lambda move: natural(trace.leaves[move.leaf]))
    if len(moves) <= _MOST_NAMED:
        each = [f"{trace.leaves[move.leaf].name} by {wording.number(move.change)}" for move in moves]
        whom = wording.listing(each, _MOST_NAMED)
    else:
        together = wording.number(math.hypot(*(float(move.change) for move in moves)))
        whom = f"{wording.count(len(moves), 'leaf')} by {together} together"
    lines = reading_lines(trace, moves)
    where = f"; it reads .grad{lines}" if lines else ""
    yield Paragraph(f"Then, before pass {end:,}, the program itself moved {whom} (2-norm of the change){where}.")


def moved_by_program(trace: Trace) -> str:
    """That the program itself moves leaves, and where it reads their `.grad`; empty where it moves none."""
    moves = _moves(trace)
    lines = reading_lines(trace, moves)
    return f"the program itself, which reads .grad{lines}" if moves and lines else ""


def reading_lines(trace: Trace, moves: Sequence[Move]) -> str:
    """Where the `.grad` of leaves that moved are read, but to clear them: ` at train.py:11 and train.py:13`."""
    moved = {move.leaf for move in moves}
    clearing = {source_line(event.location) for event in trace.events if event.kind in CLEARING}
    places = {
        source_line(use.location): wording.location(use.location)
        for use in trace.grad_uses
        if use.location is not None and not moved.isdisjoint(use.leaves) and source_line(use.location) not in clearing
    }
    return f" at {wording.listing(list(places.values()), _MOST_LINES)}" if places else ""


def _moves(trace: Trace) -> list[Move]:
    return [move for move in trace.moves if isinstance(move.change, int | float) and move.change > 0]
