"""The leaf table of an explanation: what a pass added to each `.grad`, by leaf or, where they are many, by module."""

import math
from collections.abc import Iterable

from gradtrace.analysis.leaf_order import natural
from gradtrace.model import Accumulation, BackwardPass, Effect, Leaf, LeafKind, TensorStats, Trace
from gradtrace.text import wording
from gradtrace.text.added import MARK, is_sum, reduction
from gradtrace.text.blocks import Cell, Table
from gradtrace.text.steps.summands import sent_to_leaves, summands

MOST_ROWS = 24
"""A table with more leaves is folded by module."""


def leaf_table(
    trace: Trace, one: BackwardPass, *, fold: bool = True, formulas: dict[int, str] | None = None
) -> Table | None:
    """What the pass did to every leaf that it knew; None when it knew none.

    Args:
        trace: the run.
        one: the pass.
        fold: many leaves are shown by module.
        formulas: for a last column, what is known of a leaf in closed form.
    """
    if not one.accumulations:
        return None
    rows = sorted(one.accumulations, key=lambda row: natural(trace.leaves[row.leaf]))
    if fold and len(rows) > MOST_ROWS:
        return _by_module(trace, rows)
    sums = sent_to_leaves(one)
    is_stored = any(row.effect != Effect.NOT_STORED for row in rows)
    has_values = any(_value(trace.leaves[row.leaf]) for row in rows)
    header = ["leaf", "shape", "value", ".grad before", "this pass adds", ".grad after", "elements that it adds"]
    reduced = reduction(rows)
    if reduced is not None:
        header[4], header[5] = "this rank adds", str(reduced)
    body = tuple(
        _row(trace.leaves[row.leaf], row, sums.get(row.leaf, []), is_reduced=reduced is not None) for row in rows
    )
    kept = [0, *([1] if any(row[1].text for row in body) else []), *([2] if has_values else []), 3, 4, 5]
    kept += [6] if len(body) <= _MOST_WRITTEN_OUT and any(row[6].text for row in body) else []
    if not is_stored:
        header[4] = "returned"
        kept = [column for column in kept if column not in (3, 5)]
    optional = tuple(kept.index(column) for column in (6, 2, 1) if column in kept)
    titles, cells = tuple(header[i] for i in kept), [tuple(row[i] for i in kept) for row in body]
    if formulas:
        titles = (*titles, "closed form")
        cells = [(*row, Cell(formulas.get(one.leaf, ""))) for row, one in zip(cells, rows, strict=True)]
    return Table(titles, tuple(cells), optional)


def _row(leaf: Leaf, row: Accumulation, parts: list[TensorStats], *, is_reduced: bool) -> tuple[Cell, ...]:
    added = wording.gradient(row.contribution) if row.contribution is not None else "nothing"
    return (
        Cell(leaf.name, "name"),
        Cell(wording.spec(leaf.shape, leaf.dtype, leaf.device) if leaf.shape else "", "muted"),
        Cell(_value(leaf)),
        Cell(wording.gradient(row.before)),
        Cell(
            added + (summands(parts, row.contribution) if row.contribution is not None else ""),
            style(row.contribution),
        ),
        Cell(f"{wording.gradient(row.after)}{_mark([row], is_told=is_reduced)}", style(row.after, finite="")),
        Cell(_written_out(row.contribution), "muted"),
    )


def _mark(rows: list[Accumulation], *, is_told: bool) -> str:
    """What stands behind `.grad` after a pass that is not the sum; nothing where the header says what it is."""
    return "" if is_told or is_sum(rows) else MARK


def _written_out(stats: TensorStats | None) -> str:
    """All elements of a gradient that is told by its norm, where they were recorded."""
    if stats is None or stats.value is None or not wording.gradient(stats).startswith("|g|"):
        return ""
    text = wording.elements(stats.value)
    return text if len(text) <= _LONGEST_ELEMENTS else ""


def _by_module(trace: Trace, rows: list[Accumulation]) -> Table:
    """One row a module, as deep as the table stays short; gradients as the norm over all of its leaves."""
    names = [trace.leaves[row.leaf].name for row in rows]
    depth = 1
    while depth < _MOST_DEPTH and len({_module(name, depth + 1) for name in names}) <= MOST_ROWS:
        depth += 1
    modules: dict[str, list[Accumulation]] = {}
    for name, row in zip(names, rows, strict=True):
        modules.setdefault(_module(name, depth), []).append(row)
    hidden = len(modules) - MOST_ROWS if len(modules) > MOST_ROWS + 1 else 0
    shown = list(modules.items())[: len(modules) - hidden]
    reduced = reduction(rows)
    body = [_module_row(module, own, is_reduced=reduced is not None) for module, own in shown]
    if hidden:
        body.append((Cell(f"… {hidden:,} more: --verbose shows all", "muted"),))
    added, after = ("this pass adds", "|.grad| after") if reduced is None else ("this rank adds", str(reduced))
    return Table(("module", "leaves", "|.grad| before", added, after, ""), tuple(body), (1,))


_MOST_DEPTH = 12


def _module_row(module: str, rows: list[Accumulation], *, is_reduced: bool) -> tuple[Cell, ...]:
    missing = sum(row.contribution is None for row in rows)
    contributions = [row.contribution for row in rows]
    note = f"nothing arrived at {wording.count(missing, 'leaf')}" if 0 < missing < len(rows) else ""
    return (
        Cell(module, "name"),
        Cell(f"{len(rows):,}"),
        Cell(joint_norm(row.before for row in rows)),
        Cell("nothing" if missing == len(rows) else joint_norm(contributions), _joint_style(contributions)),
        Cell(f"{joint_norm(row.after for row in rows)}{_mark(rows, is_told=is_reduced)}"),
        Cell(note, "muted"),
    )


def _module(name: str, depth: int) -> str:
    """The module of a parameter, at most `depth` levels deep: `layers.0` of `layers.0.attn.weight`."""
    path = name.split(".")[:-1] or [name]
    return ".".join(path[:depth])


def module_norms(trace: Trace, one: BackwardPass) -> list[tuple[str, float]]:
    """The 2-norm of what a pass added to the parameters of each module; nothing where some of it was not measured.

    Parameters that the model holds itself are one module of no name: `(root)`, or the only one's own name.
    """
    norms: dict[str, list[float]] = {}
    of_root: list[str] = []
    for row in one.accumulations:
        leaf = trace.leaves[row.leaf]
        module, _, name = leaf.name.rpartition(".")
        is_of_module = leaf.kind == LeafKind.PARAMETER and name.isidentifier()
        if row.contribution is None or not is_of_module:
            continue
        if row.contribution.norm is None:
            return []
        norms.setdefault(module, []).append(row.contribution.norm)
        if not module:
            of_root.append(name)
    root = of_root[0] if len(of_root) == 1 else "(root)"
    return [(module or root, math.hypot(*many)) for module, many in norms.items()]


def joint_norm(many: Iterable[TensorStats | None]) -> str:
    """The 2-norm over all elements of several tensors; `None` when there are none, empty when one was not measured."""
    found = [stats for stats in many if stats is not None]
    if not found:
        return "None"
    if any(stats.norm is None for stats in found):
        return ""
    return wording.number(math.hypot(*(stats.norm for stats in found if stats.norm is not None)))


def _joint_style(many: list[TensorStats | None]) -> str:
    return "alarm" if any(style(stats) == "alarm" for stats in many) else "gradient"


def style(stats: TensorStats | None, finite: str = "gradient") -> str:
    """The style of a gradient: `alarm` where it is not finite, `muted` where there is none, else `finite`."""
    if stats is None:
        return "muted" if finite else ""
    is_bad = stats.is_finite is False or (stats.norm is not None and not math.isfinite(stats.norm))
    return "alarm" if is_bad else finite


def _value(leaf: Leaf) -> str:
    """Its value when it was first seen, if that is short."""
    text = wording.elements(leaf.value) if leaf.value is not None else ""
    return text if len(text) <= _LONGEST_VALUE else ""


_LONGEST_VALUE = 28

_MOST_WRITTEN_OUT = 4
"""Of so few leaves all elements are told, where they were recorded and are not many."""
_LONGEST_ELEMENTS = 70
