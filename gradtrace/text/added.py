"""One pass's `.grad` in a line: before, what came, after. A sum is written only where the numbers are one."""

import math
from collections.abc import Iterator, Sequence

from gradtrace.analysis.fan_in import adds_up
from gradtrace.model import Accumulation, Reduction, Trace
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
    reduced = reduction(rows)
    if reduced is not None:
        start = "" if before == "None" else f"{before}, "
        return f"{start}adds {added} here; {reduced} {after}"
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
    """` (cosine 0.83)`, between what was there and what came, by the three norms.

    Empty where these cannot tell it, and where both point the same way: then the norms add up as they stand.
    """
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
    said = wording.number(round(cosine, 2))
    return f" (cosine {said})" if abs(cosine) <= 1 + _NEAR and said != "1" else ""


_EXACT_ENOUGH = frozenset({"float32", "float64", "complex64", "complex128"})
"""Of others a sum is rounded too much for the angle to be seen in norms."""
_NEAR = 1e-3
_LEAST = 0.01
"""Where one of two gradients is so much smaller than the other, rounding hides the angle."""


def is_sum(rows: Sequence[Accumulation]) -> bool:
    """Whether nothing shows that something came in between."""
    return all(row.reduced is None and adds_up(row) is not False for row in rows)


def reduction(rows: Sequence[Accumulation]) -> Reduction | None:
    """What ranks made of these together, where it is the same of all that came."""
    found = {row.reduced for row in rows if row.contribution is not None}
    return found.pop() if len(found) == 1 else None


def remark(trace: Trace, table: Table) -> Iterator[Block]:
    """What a mark in a table means, where there is one."""
    if any(cell.text.endswith(MARK) for row in table.rows for cell in row):
        yield Paragraph(f"* {_what_happened(trace)}.")


def _what_happened(trace: Trace) -> str:
    """`averaged over 2 ranks`, where the numbers of all ranks show it of all that is not a sum."""
    rows = [row for one in trace.passes for row in one.accumulations if row.reduced or adds_up(row) is False]
    found = list(dict.fromkeys(str(row.reduced) for row in rows if row.reduced is not None))
    if rows and all(row.reduced is not None for row in rows):
        return wording.listing(found)
    n = trace.run.n_processes
    others = f", or for the gradients of {n} processes" if n > 1 else ""
    changed = f"changed after it was added, by a hook or another thread{others}"
    return f"{wording.listing(found)}; elsewhere {changed}" if found else changed
