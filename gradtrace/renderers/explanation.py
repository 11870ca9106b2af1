"""Explains a run in words and tables: the chain rule on the reader's own numbers, and what landed in each `.grad`."""

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.ledger import CLEARING, Ledger, ledger
from gradtrace.errors import RenderError
from gradtrace.model import Accumulation, BackwardPass, Trace
from gradtrace.renderers import explanation_run, wording
from gradtrace.renderers.explanation_blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.renderers.explanation_leaves import leaf_table, sent_to_leaves, summands
from gradtrace.renderers.explanation_markdown import Markdown
from gradtrace.renderers.explanation_maths import maths
from gradtrace.renderers.explanation_modules import module_table
from gradtrace.renderers.explanation_terminal import Terminal
from gradtrace.renderers.explanation_tree import MOST_NODES, tree
from gradtrace.renderers.notes import notes

_LINES = 60
"""Of the tree, unless more is asked for."""

_MEASURED_LEAVES = 3
_SUMS = 6


@dataclass(frozen=True, slots=True)
class Options:
    """How an explanation is written.

    Attributes:
        pass_index: the pass to tell; the first that was recorded in full when None.
        verbose: all lines of the graph, all leaves, and the rules behind it.
        quiet: the leaf table alone.
        markdown: for an issue or a note instead of a terminal.
    """

    pass_index: int | None = None
    color: bool = False
    width: int | None = None
    verbose: bool = False
    quiet: bool = False
    markdown: bool = False
    ascii_only: bool = False


_WIDTH = 100
_NARROWEST = 40


def render(trace: Trace, options: Options) -> str:
    """The explanation as text.

    Raises:
        RenderError: when the pass that was asked for was not recorded.
    """
    blocks = tuple(_blocks(trace, options))
    if options.markdown:
        return Markdown().write(blocks)
    width = max(options.width or _WIDTH, _NARROWEST)
    return Terminal(width, options.color, options.ascii_only).write(blocks)


def _blocks(trace: Trace, options: Options) -> Iterator[Block]:
    one = _told_pass(trace, options.pass_index)
    if options.quiet:
        yield from _leaves(trace, one, fold=False)
        return
    yield from explanation_run.errors(trace)
    history = ledger(trace)
    if not history.n_passes:
        yield from explanation_run.without_backward(trace)
    if trace.run.expression is not None and one is not None:
        yield from _expression(trace, one, options)
    else:
        yield from _program(trace, history, one, options)
    yield from (Paragraph(text, "note") for text in notes(trace, history, one, verbose=options.verbose))


def _told_pass(trace: Trace, index: int | None) -> BackwardPass | None:
    if index is None:
        with_graph = (one for one in trace.passes if one.graph is not None)
        return next(with_graph, next(iter(trace.passes), None))
    found = next((one for one in trace.passes if one.index <= index < one.index + one.count), None)
    n_passes = sum(one.count for one in trace.passes)
    if found is None:
        raise RenderError(f"there is no pass {index}: the run has {wording.count(n_passes, 'pass')}")
    if found.graph is None:
        full = wording.ranges(one.index for one in trace.passes if one.graph is not None)
        raise RenderError(
            f"pass {index} was not recorded in full ({f'these were: {full}' if full else 'none was'}): "
            f"run again with --passes {index}"
        )
    return found


def _expression(trace: Trace, one: BackwardPass, options: Options) -> Iterator[Block]:
    """The story of an expression, in the shape of the introduction."""
    for root in one.roots:
        name = _root_text(trace.run.expression or "") if len(one.roots) == 1 else root.name or "root"
        start = f"backward starts here with {wording.gradient(root.gradient)}" if root.gradient is not None else ""
        yield Table((), ((Cell(f"{name} = {wording.value(root.value)}", "title"), Cell(start, "muted")),))
    drawn = tree(one, trace.leaves, limit=None if options.verbose else _LINES)
    if drawn is not None:
        yield drawn
    yield from _leaves(trace, one, fold=not options.verbose)
    yield from _measured(trace, one)


def _root_text(source: str) -> str:
    """`root = w · w · y`, or with the name that the last statement gives it."""
    last = source.replace("\n", ";").rsplit(";", 1)[-1].strip()
    name, sign, value = last.partition("=")
    if sign and name.strip().isidentifier() and not value.startswith("="):
        return f"{name.strip()} = {maths(value, spaced=True)}"
    return last if last.isidentifier() else f"root = {maths(last, spaced=True)}"


def _leaves(trace: Trace, one: BackwardPass | None, *, fold: bool) -> Iterator[Block]:
    table = leaf_table(trace, one, fold=fold) if one is not None else None
    if table is not None:
        yield table


def _measured(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """What the later passes of an expression did, which differ in nothing but `.grad`."""
    rows: list[tuple[Cell, ...]] = []
    for later in trace.passes:
        if later.index <= one.index or later.call == "none" or not later.accumulations:
            continue
        cleared = any(event.kind in CLEARING and event.pass_index == later.index - 1 for event in trace.events)
        what = "After zero_grad():" if cleared else "Run backward() again without zeroing:"
        shown = [row for row in later.accumulations if row.effect in {"created", "accumulated"}]
        cells = [Cell(_change(trace, row)) for row in shown[:_MEASURED_LEAVES]]
        if len(shown) > _MEASURED_LEAVES:
            cells.append(Cell(f"and {len(shown) - _MEASURED_LEAVES} more", "muted"))
        rows.append((Cell(what), *cells, Cell("(measured)", "muted")))
    if rows:
        yield Table((), tuple(dict.fromkeys(rows)))


def _change(trace: Trace, row: Accumulation) -> str:
    return f"{trace.leaves[row.leaf].name}.grad {wording.gradient(row.before)} → {wording.gradient(row.after)}"


def _program(trace: Trace, history: Ledger, one: BackwardPass | None, options: Options) -> Iterator[Block]:
    """The story of a program: the summary first, then one pass."""
    yield from explanation_run.summary(trace, history)
    if history.groups and history.n_passes:
        yield Heading("What happened to .grad")
        yield from explanation_run.what_happened(trace, history)
    if one is None:
        return
    if one.accumulations:
        yield Heading(f"What pass {one.index} added")
        yield from _leaves(trace, one, fold=not options.verbose)
        yield from _sums(trace, one)
    yield from _graph(trace, one, options)


def _sums(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """Leaves that are reached on several ways, when the table was folded and does not tell."""
    several = {leaf: parts for leaf, parts in sent_to_leaves(one).items() if len(parts) > 1}
    told = [row.leaf for row in one.accumulations if row.leaf in several and row.contribution is not None]
    if not told:
        return
    rows = [
        (
            Cell(trace.leaves[leaf].name, "name"),
            Cell(f"used {len(several[leaf])} times"),
            Cell(_parts(several[leaf]), "gradient"),
        )
        for leaf in told[:_SUMS]
    ]
    if len(told) > _SUMS:
        rows.append((Cell(f"… and {len(told) - _SUMS} more", "muted"), Cell(""), Cell("")))
    yield Paragraph("Used at several places, and so a sum:")
    yield Table((), tuple(rows))


def _parts(parts: list) -> str:  # type: ignore[type-arg]
    return summands(parts)


def _graph(trace: Trace, one: BackwardPass, options: Options) -> Iterator[Block]:
    if one.graph is None:
        return
    is_small = len(one.graph.nodes) <= MOST_NODES or not any(node.module for node in one.graph.nodes)
    title = "The graph" if one.call == "none" else f"How the gradient got there, in pass {one.index}"
    table: Table | None
    if options.verbose or is_small:
        table = tree(one, trace.leaves, limit=None if options.verbose else _LINES)
    else:
        table = module_table(one)
    if table is not None:
        yield Heading(title)
        yield table
