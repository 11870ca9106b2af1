"""One pass's `.grad` in a line: before, what came, after. A sum is written only where the numbers are one."""

import math
from collections.abc import Iterator, Sequence

from gradtrace.analysis.fan_in import adds_up
from gradtrace.model import Accumulation, Trace
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph, Table

MARK = " *"
"""Stands behind a line whose numbers do not add up; `remark` says why."""


def told(rows: Sequence[Accumulation], texts: tuple[str, str, str], *, is_norm: bool) -> str:
    """`2 + 2 → 4`; of norms, which do not add up as gradients do, `2, adds 2 (cosine 0.2), then 3.1`.

    Args:
        rows: what the pass did to one leaf, or to several that are told together.
        texts: before, added, after.
        is_norm: they are norms.
    """
    before, added, after = texts
    if not is_sum(rows):
        return f"{before}, adds {added}, then {after}{MARK}"
    is_first = all(row.before is None for row in rows)
    if is_norm:
        return f"None → {after}" if is_first else f"{before}, adds {added}{_cosine(rows)}, then {after}"
    return (
        f"{before} − {added[1:]} → {after}"
        if added.startswith("-") and not is_first
        else f"{before} + {added} → {after}"
    )


def _cosine(rows: Sequence[Accumulation]) -> str:
    """` (cosine 0.83)`, between what was there and what came, by the three norms; empty where these cannot tell it."""
    squares = [0.0, 0.0, 0.0]
    for row in rows:
        for place, stats in enumerate((row.before, row.contribution, row.after)):
            if stats is None or stats.norm is None or stats.dtype not in _EXACT_ENOUGH:
                return ""
            squares[place] += stats.norm**2
    before, added, after = squares
    if not all(map(math.isfinite, squares)) or min(before, added) <= _LEAST**2 * max(before, added):
        return ""
    cosine = (after - before - added) / (2 * math.sqrt(before * added))
    return f" (cosine {wording.number(round(cosine, 2))})" if abs(cosine) <= 1 + _NEAR else ""


_EXACT_ENOUGH = frozenset({"float32", "float64", "complex64", "complex128"})
"""Of others a sum is rounded too much for the angle to be seen in norms."""
_LEAST = 0.01
"""Where one of two gradients is so much smaller than the other, rounding hides the angle."""


def is_sum(rows: Sequence[Accumulation]) -> bool:
    """Whether nothing shows that something came in between."""
    return all(adds_up(row) is not False for row in rows)


def remark(trace: Trace, table: Table) -> Iterator[Block]:
    """What a mark in a table means, where there is one."""
    if any(cell.text.endswith(MARK) for row in table.rows for cell in row):
        yield Paragraph(f"* changed after it was added, {who_changed(trace)}.")


def who_changed(trace: Trace) -> str:
    """`here: averaged over 2 ranks`, where the numbers say so."""
    ranks = sorted({one.process for one in trace.passes if one.accumulations})
    if len(ranks) > 1 and _is_mean(trace, ranks):
        return f"here: averaged over {len(ranks)} ranks"
    others = f", or for the gradients of {len(ranks)} processes" if len(ranks) > 1 else ""
    return f"by a hook or another thread{others}"


def _is_mean(trace: Trace, ranks: list[int]) -> bool:
    """Whether a changed `.grad` is the mean of what the same pass of every process added to the leaf of that name."""
    by_rank = [[one for one in trace.passes if one.process == rank and one.accumulations] for rank in ranks]
    for passes in zip(*by_rank, strict=False):
        named = [{trace.leaves[row.leaf].name: row for row in one.accumulations} for one in passes]
        for name, row in named[0].items():
            rows = [each[name] for each in named if name in each]
            if adds_up(row) is False and len(rows) == len(ranks):
                return _is_mean_of(row, rows)
    return False


def _is_mean_of(row: Accumulation, rows: list[Accumulation]) -> bool:
    first = [_first(each.contribution.value) if each.contribution is not None else None for each in rows]
    after, before = (_first(stats.value) if stats is not None else 0.0 for stats in (row.after, row.before))
    known = [number for number in first if number is not None]
    if after is None or before is None or len(known) < len(rows):
        return False
    mean = sum(known) / len(known)
    return abs(after - before - mean) <= _NEAR * max(abs(after), abs(before), *map(abs, known))


_NEAR = 1e-3


def _first(value: object) -> float | None:
    """The first element."""
    while isinstance(value, list) and value:
        value = value[0]
    return float(value) if isinstance(value, int | float) else None
