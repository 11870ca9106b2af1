"""What the program itself did to leaves that no optimizer steps: how far they moved, and where it reads `.grad`."""

import math
from collections.abc import Iterator, Sequence

from gradtrace.analysis.leaf_order import natural
from gradtrace.model import CLEARING, BackwardPass, LeafKind, Move, StepFact, Trace
from gradtrace.model.location import source_line
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph

_MOST_NAMED = 3
_MOST_LINES = 2


def moved_after(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """How far the program moved leaves between a pass and the next one that was recorded in full."""
    end, moves = _until_next(trace, one)
    moves = [move for move in moves if not _is_stepped(trace, move)]
    if not moves:
        return
    lines = reading_lines(trace, moves)
    where = f"; it reads .grad{lines}" if lines else ""
    moved = _in_words(trace, moves)
    yield Paragraph(f"Then, before pass {end:,}, the program itself moved {moved} (2-norm of the change){where}.")


def moved_by_iteration(trace: Trace, one: BackwardPass, step: StepFact) -> str:
    """How far leaves moved between two passes of one step that runs several; empty where that was not measured."""
    end, moves = _until_next(trace, one)
    return _in_words(trace, moves) if moves and end == one.index + 1 and end in step.own_passes else ""


def _until_next(trace: Trace, one: BackwardPass) -> tuple[int, list[Move]]:
    """The next pass of the process that was recorded in full, and what moved until then; 0 where there is none."""
    later = [each for each in trace.passes if each.index > one.index and each.process == one.process]
    end = next((each.index for each in later if each.graph is not None), 0)
    return end, [move for move in _moves(trace) if move.pass_index == end and move.process == one.process]


def _in_words(trace: Trace, moves: list[Move]) -> str:
    """`w by 0.5 and b by 0.1`; of many leaves together."""
    moves = sorted(moves, key=lambda move: natural(trace.leaves[move.leaf]))
    if len(moves) > _MOST_NAMED:
        together = wording.number(math.hypot(*(float(move.change) for move in moves)))
        return f"{wording.count(len(moves), 'leaf')} by {together} together"
    each = [f"{trace.leaves[move.leaf].name} by {wording.number(move.change)}" for move in moves]
    return wording.listing(each, _MOST_NAMED)


def moved_by_program(trace: Trace) -> str:
    """That the program itself moves leaves, and where it reads their `.grad`; empty where it moves none.

    Beside leaves that an optimizer steps, only parameters are stepped; of other leaves this is told pass by pass.
    """
    moves = [move for move in _moves(trace) if not _is_stepped(trace, move)]
    whose = ""
    if trace.steps:
        moves = [move for move in moves if trace.leaves[move.leaf].kind == LeafKind.PARAMETER]
        names = sorted({natural(trace.leaves[move.leaf]): trace.leaves[move.leaf].name for move in moves}.items())
        whose = f"{wording.listing([name for _, name in names], _MOST_NAMED)} by "
    lines = reading_lines(trace, moves)
    return f"{whose}the program itself, which reads .grad{lines}" if moves and lines else ""


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


def _is_stepped(trace: Trace, move: Move) -> bool:
    """Whether an optimizer steps the leaf: one that runs passes in its step moves it between them."""
    return any(change.leaf == move.leaf for step in trace.steps for change in step.changes)
