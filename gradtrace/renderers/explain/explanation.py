"""Explains a run in words and tables: the chain rule on the reader's own numbers, and what landed in each `.grad`."""

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.choose_pass import first_pass
from gradtrace.analysis.leaf_values import at_pass
from gradtrace.analysis.ledger import Ledger, ledger
from gradtrace.formulas.closed_form import look_ahead
from gradtrace.model import CLEARING, STORED, Accumulation, BackwardPass, Trace
from gradtrace.renderers.explain import run as explanation_run
from gradtrace.renderers.explain.formulas import formulas_of_leaves
from gradtrace.renderers.explain.leaves import leaf_table
from gradtrace.renderers.explain.ledger import ledger_table
from gradtrace.renderers.explain.modules import module_table
from gradtrace.renderers.explain.moves import moved_after
from gradtrace.renderers.explain.notes import notes
from gradtrace.renderers.explain.overview import overview
from gradtrace.renderers.explain.paths import sums
from gradtrace.renderers.explain.ranks import added_by_rank, rank_table
from gradtrace.renderers.explain.updates import updates
from gradtrace.text import wording
from gradtrace.text.added import remark
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.chosen_pass import drawn_pass
from gradtrace.text.compiled_regions import compiled
from gradtrace.text.markdown import Markdown
from gradtrace.text.run_errors import run_errors
from gradtrace.text.source_maths import maths
from gradtrace.text.steps.calls import in_calls
from gradtrace.text.steps.drawing import MOST_NODES, tree
from gradtrace.text.steps.words import words
from gradtrace.text.terminal import Terminal, natural_width

_LINES = 60
"""Of the tree, unless more is asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an explanation is written.

    Attributes:
        pass_index: the pass to tell; the first that was recorded in full when None.
        verbose: all lines of the graph, all leaves, and the rules behind it.
        quiet: the leaf table alone.
        is_explained: findings that say what ended the program stand above the story.
        is_examined: rules have looked for what is wrong.
        markdown: for an issue or a note instead of a terminal.
        aten: torch's own nodes and their names, not what the program called; so it is when verbose.
    """

    pass_index: int | None = None
    color: bool = False
    width: int | None = None
    verbose: bool = False
    quiet: bool = False
    markdown: bool = False
    ascii_only: bool = False
    is_explained: bool = False
    is_examined: bool = False
    aten: bool = False


_USUAL = 3
"""Passes of an expression, unless --repeat asks for more: one, one more without zeroing, one after zeroing."""

_WIDTH = 100
_NARROWEST = 40


def prepare(expression: str, words: tuple[str, ...]) -> None:
    """Finds the closed forms of an expression while it runs."""
    look_ahead(expression, words)


def render(trace: Trace, options: Options) -> str:
    """The explanation as text.

    Raises:
        RenderError: when the pass that was asked for was not recorded.
    """
    blocks = tuple(_blocks(trace, options))
    if options.markdown:
        return Markdown().write(blocks)
    return Terminal(_width(options), options.color, options.ascii_only).write(blocks)


def _width(options: Options) -> int:
    return max(options.width or _WIDTH, _NARROWEST)


def _blocks(trace: Trace, options: Options) -> Iterator[Block]:
    one = _told_pass(trace, options.pass_index)
    if one is not None:
        trace = at_pass(trace, one)
    if options.quiet:
        yield from _leaves(trace, one, _width(options), fold=False)
        return
    yield from run_errors(trace, is_explained=options.is_explained)
    history = ledger(trace)
    if not history.n_passes:
        yield from explanation_run.without_backward(trace)
    shown = one if one is None or _shows_aten(options) else in_calls(one)
    if trace.run.expression is not None and one is not None and shown is not None:
        yield from _expression(trace, history, one, shown, options)
    else:
        yield from _program(trace, history, one, shown, options)
    yield from (Paragraph(text, "note") for text in notes(trace, history, one, shown, verbose=options.verbose))


def _told_pass(trace: Trace, index: int | None) -> BackwardPass | None:
    if index is not None:
        return drawn_pass(trace, index)
    return first_pass(trace) or next(iter(trace.passes), None)


def _expression(
    trace: Trace, history: Ledger, one: BackwardPass, shown: BackwardPass, options: Options
) -> Iterator[Block]:
    """The story of an expression, in the shape of the introduction.

    Args:
        trace: the run.
        history: what happened to every `.grad`.
        one: the pass that is told.
        shown: the same with the nodes that are shown.
        options: what a person may ask for.
    """
    for root in one.roots:
        is_summed = root.node is not None and one.graph is not None and one.graph.nodes[root.node].location is None
        name = _root_text(trace.run.expression or "", is_summed=is_summed)
        start = f"backward starts here with {wording.gradient(root.gradient)}" if root.gradient is not None else ""
        yield Table((), ((Cell(f"{name} = {wording.value(root.value)}", "title"), Cell(start, "muted")),))
    drawn = tree(shown, trace.leaves, limit=None if options.verbose else _LINES, aten=_shows_aten(options))
    if drawn is not None:
        yield drawn
    yield from words(shown, trace.leaves, verbose=options.verbose, aten=_shows_aten(options))
    yield from compiled(one, verbose=options.verbose)
    yield from _leaves(trace, one, _width(options), fold=not options.verbose)
    yield from sums(trace, shown)
    if history.n_passes <= _USUAL:
        yield from _measured(trace, one, _width(options))
    else:
        yield from ledger_table(trace, history, _width(options), verbose=options.verbose)


def _root_text(source: str, *, is_summed: bool) -> str:
    """`root = w · w · y`, or with the name that the last statement gives it."""
    last = source.replace("\n", ";").rsplit(";", 1)[-1].strip()
    name, sign, value = last.partition("=")
    is_named = bool(sign) and name.strip().isidentifier() and not value.startswith("=")
    text = maths(value if is_named else last, spaced=True)
    if is_summed:  # the expression has several elements, and their sum was taken for it
        return f"root = sum of {text}"
    if is_named:
        return f"{name.strip()} = {text}"
    return text if text.isidentifier() else f"root = {text}"


def _leaves(trace: Trace, one: BackwardPass | None, width: int, *, fold: bool) -> Iterator[Block]:
    """The leaf table; formulas that would not fit beside it stand below."""
    formulas = formulas_of_leaves(trace, one) if one is not None else {}
    table = leaf_table(trace, one, fold=fold, formulas=formulas) if one is not None else None
    if table is None or one is None:
        return
    if not formulas or natural_width(table) <= width:
        yield table
        yield from remark(trace, table)
        return
    plain = leaf_table(trace, one, fold=fold)
    if plain is not None:
        yield plain
        yield from remark(trace, plain)
    yield Table((), tuple((Cell(text),) for text in formulas.values()))


def _measured(trace: Trace, one: BackwardPass, width: int) -> Iterator[Block]:
    """What the later passes of an expression did, which differ in nothing but `.grad`."""
    rows: list[tuple[bool, list[str]]] = []
    for later in trace.passes:
        if later.index <= one.index or later.is_drawn_only or not later.accumulations:
            continue
        cleared = any(event.kind in CLEARING and event.pass_index == later.index - 1 for event in trace.events)
        stored = [row for row in later.accumulations if row.effect in STORED]
        rows.append((cleared, [_change(trace, row) for row in stored]))
    longest = max((len(changes) for _, changes in rows), default=0)
    if not longest:
        return
    full, short = (_measured_table(rows, longest, labels) for labels in _AGAIN_OR_CLEARED)
    yield full if natural_width(full) <= width else short


_AGAIN_OR_CLEARED = (
    ("Run backward() again without zeroing:", "After zero_grad():"),
    ("backward() again:", "after zero_grad():"),
)
"""What came before a later pass, in full and for narrow lines."""


def _measured_table(rows: list[tuple[bool, list[str]]], longest: int, labels: tuple[str, str]) -> Table:
    lines = []
    for cleared, changes in rows:
        cells = [Cell(text) for text in [*changes, *[""] * longest][:longest]]
        lines.append((Cell(labels[cleared]), *cells, Cell("(measured)", "muted")))
    return Table((), tuple(dict.fromkeys(lines)))


def _change(trace: Trace, row: Accumulation) -> str:
    """`w.grad 2 → 4`; for a large leaf its norms, `W.grad |g| 0.5 → 1`."""
    before, after = wording.gradient(row.before), wording.gradient(row.after)
    if "|g| = " in after:
        before, after = (text.replace("|g| = ", "") for text in (before, after))
        before, after = (f"|g| {before}", after) if row.before is not None else (before, f"|g| {after}")
    return f"{trace.leaves[row.leaf].name}.grad {before} → {after}"


def _program(
    trace: Trace, history: Ledger, one: BackwardPass | None, shown: BackwardPass | None, options: Options
) -> Iterator[Block]:
    """The story of a program: the summary first, then one pass; arguments are those of `_expression`."""
    width = None if options.markdown else _width(options)
    yield from overview(trace, history, width, is_explained=options.is_explained, is_examined=options.is_examined)
    yield from rank_table(trace)
    if history.groups and history.n_passes:
        yield Heading("What happened to .grad")
        yield from explanation_run.what_happened(trace, history)
        yield from ledger_table(trace, history, _width(options), verbose=options.verbose)
    if one is None or shown is None:
        return
    if one.accumulations and one.graph is None:
        yield Paragraph(f"Pass {one.index} was counted, not recorded: what it added to .grad was not measured.", "note")
    elif one.accumulations:
        yield Heading(f"What pass {one.index} added")
        yield from _leaves(trace, one, _width(options), fold=not options.verbose)
        yield from added_by_rank(trace, one)
        yield from sums(trace, shown)
        yield from updates(trace, one)
        yield from moved_after(trace, one)
    yield from _graph(trace, shown, options)
    yield from compiled(one, verbose=options.verbose)


def _shows_aten(options: Options) -> bool:
    return options.aten or options.verbose


def _graph(trace: Trace, one: BackwardPass, options: Options) -> Iterator[Block]:
    if one.graph is None:
        return
    is_small = len(one.graph.nodes) <= MOST_NODES or not any(node.module for node in one.graph.nodes)
    title = "The graph" if one.is_drawn_only else f"How the gradient got there, in pass {one.index}"
    table: Table | None
    if options.verbose or is_small:
        table = tree(one, trace.leaves, limit=None if options.verbose else _LINES, aten=_shows_aten(options))
    else:
        table = module_table(one)
    if table is not None:
        yield Heading(title)
        yield table
    if is_small:
        yield from words(one, trace.leaves, verbose=options.verbose, aten=_shows_aten(options))
