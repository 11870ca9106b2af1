"""The table under the terminal tree: what happened to the `.grad` of every leaf over the passes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from rich.cells import cell_len

from gradtrace.analysis.ledger import ledger
from gradtrace.model import Accumulation, BackwardPass, Effect, TensorStats, Trace
from gradtrace.renderers.tree.ranges import gradient_range, is_bad
from gradtrace.text import verdicts, wording
from gradtrace.text.added import is_sum, reduction, remark, told
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.escape import visible

_MOST_PASSES = 6
_GAP = 2
_MOST_ROWS = 24
_LONGEST_NAME = 48
_LONGEST_TEXT = 12


def leaf_blocks(trace: Trace, drawn: BackwardPass, width: int, only: frozenset[int] = frozenset()) -> Iterator[Block]:
    """The table of leaves, as many passes as fit side by side, and in words what zeroed, added and read.

    Many leaves are put together where only numbers in their names differ. `only` names leaves by id; none: all.
    """
    passes = _shown_passes(trace, drawn)
    if not passes:
        return
    reduced = None if trace.whole is None else reduction([row for one in passes for row in one.accumulations])
    rows = _rows(trace, passes, only, is_reduced=reduced is not None)
    if not rows:
        return
    hidden = len(rows) - _MOST_ROWS if len(rows) > _MOST_ROWS + 1 else 0
    rows = rows[: len(rows) - hidden]
    passes = passes[: _n_fitting(rows, width)]
    norms = any(map(_uses_norms, passes))
    what = "norms before, added, after" if norms else "before + added → after"
    if reduced is not None:
        what = f"{'norms of what' if norms else 'what'} this rank added → {reduced}"
    yield Heading(f"What happened to .grad: {what}")
    header = ("leaf", "shape", *map(_title, passes))
    table = Table(header, tuple(row[: len(header)] for row in rows), (1,))
    yield table
    if hidden:
        yield Paragraph(f"… {wording.count(hidden, 'more row')}: explain --verbose lists all leaves")
    yield from remark(trace, table)
    note = _rest(trace, passes)
    if note:
        yield Paragraph(note)
    for group in ledger(trace).groups:
        if only.isdisjoint(leaf.id for leaf in group.leaves) and only:
            continue
        yield Paragraph(f"{verdicts.subject(group, trace.optimizers, trace.run)}: {verdicts.verdict(group.verdict)}.")


def _n_fitting(rows: list[tuple[Cell, ...]], width: int) -> int:
    """How many passes fit beside the names, at least one."""
    columns = [max(cell_len(cell.text) for cell in column) + _GAP for column in zip(*rows, strict=True)]
    totals = accumulate(columns[2:], initial=columns[0])
    return max(1, sum(total <= width for total in totals) - 1)


def _rest(trace: Trace, shown: list[BackwardPass]) -> str:
    """A note on the passes that are not in the table; "" when all are."""
    n_passes = sum(one.count for one in trace.passes if not one.is_drawn_only)
    if n_passes == len(shown):
        return ""
    numbers = ", ".join(str(one.index) for one in shown)
    if shown[-1].index - shown[0].index == len(shown) - 1 and len(shown) > 1:
        numbers = f"{shown[0].index}-{shown[-1].index}"
    n_measured = sum(map(_is_measured, trace.passes))
    how = "--pass N shows another" if n_measured > len(shown) else "--passes says which are measured"
    return f"The run has {wording.count(n_passes, 'pass')}; shown: {numbers}. {how}."


def _is_measured(one: BackwardPass) -> bool:
    """Whether it has numbers of its own; rows that stand for several passes have not."""
    return one.count == 1 and any(row.is_measured for row in one.accumulations)


def _shown_passes(trace: Trace, drawn: BackwardPass) -> list[BackwardPass]:
    """The drawn pass and those after it, as far as they were measured."""
    known = [one for one in trace.passes if _is_measured(one)]
    start = next((place for place, one in enumerate(known) if one.index >= drawn.index), 0)
    return known[start : start + _MOST_PASSES]


def _title(one: BackwardPass) -> str:
    return f"pass {one.index}"


def _rows(
    trace: Trace, passes: list[BackwardPass], only: frozenset[int], *, is_reduced: bool
) -> list[tuple[Cell, ...]]:
    by_leaf = [{row.leaf: row for row in one.accumulations} for one in passes]
    leaves = [leaf for leaf in trace.leaves if any(leaf.id in rows for rows in by_leaf)]
    leaves = [leaf for leaf in leaves if not only or leaf.id in only]
    together: dict[tuple[object, ...], list[int]] = {}
    for leaf in leaves:
        name = leaf.name if len(leaves) <= _MOST_ROWS else re.sub(r"(?<![^.])\d+(?=\.)", "*", leaf.name)
        together.setdefault(
            (name, leaf.shape, leaf.dtype, leaf.process, len(leaves) <= _MOST_ROWS and leaf.id), []
        ).append(leaf.id)
    return [
        (
            Cell(visible(str(key[0]), _LONGEST_NAME) + (f" ×{len(ids)}" if len(ids) > 1 else ""), "name"),
            Cell(wording.spec(trace.leaves[ids[0]].shape, trace.leaves[ids[0]].dtype), "muted"),
            *(_cell([rows[leaf] for leaf in ids if leaf in rows], is_reduced=is_reduced) for rows in by_leaf),
        )
        for key, ids in together.items()
    ]


def _cell(rows: list[Accumulation], *, is_reduced: bool) -> Cell:
    """`None → 2` or `2 + 2 → 4`, for one leaf or several; of what ranks have reduced `2 → 1.5`, as the title says."""
    if not rows:
        return Cell("not there", "muted")
    added = [row.contribution for row in rows if row.contribution is not None]
    if not added:
        return Cell("nothing arrived", "muted")
    style = "alarm" if any(map(is_bad, added)) else "gradient"
    if all(row.effect == Effect.NOT_STORED for row in rows):
        return Cell(f"returned {_short(added)}", style)
    before = [row.before for row in rows if row.before is not None]
    after = [row.after for row in rows if row.after is not None]
    if is_reduced and not before:
        return Cell(f"{_short(added)} → {_short(after)}", style)
    if not before and is_sum(rows):
        return Cell(f"None → {_short(after)}", style)
    if not before:
        return Cell(told(rows, ("None", _short(added), _short(after)), is_norm=True), style)
    texts = _short(before), _short(added), _short(after)
    return Cell(told(rows, texts, is_norm=len(rows) > 1 or not _is_short(added)), style)


def _short(many: list[TensorStats]) -> str:
    """A gradient in a narrow column: its elements when that is short, else the norm alone."""
    text = gradient_range(many)
    if len(text) > _LONGEST_TEXT and len(many) == 1 and many[0].norm is not None and not text.startswith("|g| = "):
        return wording.number(many[0].norm)
    return text.removeprefix("|g| = ")


def _uses_norms(one: BackwardPass) -> bool:
    added = [row.contribution for row in one.accumulations if row.contribution is not None]
    return any(not _is_short([stats]) for stats in added)


def _is_short(many: list[TensorStats]) -> bool:
    """Whether a gradient is told by its elements."""
    return all(stats.numel == 1 or _short([stats]).startswith("[") for stats in many)
