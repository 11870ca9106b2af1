"""The graph of a pass for a terminal: modules nest, ops stand in the order of the program, gradients beside them.

Small graphs without modules are nested as an expression is: the root on top, operands below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gradtrace.analysis.calls import by_call
from gradtrace.analysis.simplify import simplify
from gradtrace.model import BackwardPass, Graph, Root, Trace
from gradtrace.renderers.tree.cuts import cut_blocks
from gradtrace.renderers.tree.leaves import leaf_blocks
from gradtrace.renderers.tree.rows import rows
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Heading, Paragraph, Table
from gradtrace.text.chosen_pass import drawn_pass, narrowed
from gradtrace.text.compiled_regions import compiled
from gradtrace.text.escape import one_line, visible
from gradtrace.text.ranks import rank_of
from gradtrace.text.run_errors import run_errors
from gradtrace.text.steps.calls import in_calls
from gradtrace.text.steps.drawing import tree as nested_tree
from gradtrace.text.terminal import Terminal

_WIDTH = 100
_NARROWEST = 40

_MOST_NESTED = 14
"""So many nodes without modules are nested as an expression."""

_MOST_ATEN = 100
"""Nodes of a graph that may be so few calls."""

_MOST_ROOTS = 4


@dataclass(frozen=True, slots=True)
class Options:
    """How the tree is written.

    Attributes:
        pass_index: the pass to draw; the first that was recorded in full when None.
        depth: modules below this level are closed; None for as deep as is reasonable.
        fold: show repetitions once, and fold what would be too long.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        aten: show torch's own nodes and their names, not what the program called.
        values: whether there is a column of values; None: where there is room.
        shapes: whether there is one of shapes.
        source: whether there is one of places in the source.
        max_lines: at most so many lines, the last of which says how many are missing.
        color: with escape codes.
        width: columns; 100 when None.
        ascii_only: no characters beyond ASCII.
    """

    pass_index: int | None = None
    depth: int | None = None
    fold: bool = True
    focus: str | None = None
    expand: tuple[str, ...] = ()
    aten: bool = False
    values: bool | None = None
    shapes: bool | None = None
    source: bool | None = None
    max_lines: int | None = None
    color: bool = False
    width: int | None = None
    ascii_only: bool = False


def render(trace: Trace, options: Options) -> str:
    """The tree as text.

    Raises:
        RenderError: when there is nothing to draw, or not the pass or the name that was asked for.
    """
    one = drawn_pass(trace, options.pass_index)
    note = ""
    if options.focus is not None:
        one, note = narrowed(trace, one, options.focus)
    width = max(options.width or _WIDTH, _NARROWEST)
    blocks = tuple(_blocks(trace, one, options, width, note))
    terminal = Terminal(width, options.color, options.ascii_only)
    if options.max_lines is None:
        return terminal.write(blocks)
    short, n_cut = _shortened(blocks, options.max_lines)
    lines = terminal.write(short).splitlines()
    n_hidden = n_cut + len(lines) - options.max_lines
    if n_hidden <= 0:
        return "".join(f"{line}\n" for line in lines)
    kept = lines[: options.max_lines - 1]
    dots = "..." if options.ascii_only else "…"
    hidden = wording.count(n_hidden + 1, "more line")
    return "".join(f"{line}\n" for line in [*kept, f"{dots} {hidden}: --max-lines shows more, --depth folds more"])


def _shortened(blocks: tuple[Block, ...], most: int) -> tuple[tuple[Block, ...], int]:
    """Tables without the rows that nobody will see, and how many these are: laying out 100,000 takes seconds."""
    short: list[Block] = []
    n_cut = 0
    for block in blocks:
        if isinstance(block, Table) and len(block.rows) > most:
            n_cut += len(block.rows) - most
            block = replace(block, rows=block.rows[:most])  # noqa: PLW2901
        short.append(block)
    return tuple(short), n_cut


def _blocks(trace: Trace, one: BackwardPass, options: Options, width: int, note: str) -> Iterator[Block]:
    yield Heading(_title(trace, one))
    yield from run_errors(trace)
    yield from _drawing(trace, one, options)
    if note:
        yield Paragraph(note, "folded")
    if one.graph is not None and any(node.recomputed is not None for node in one.graph.nodes):
        yield from compiled(one, verbose=False, shows_all="explain -v")
    yield from cut_blocks(trace, one)
    nodes = one.graph.nodes if one.graph is not None and options.focus is not None else ()
    yield from leaf_blocks(trace, one, width, frozenset(node.leaf for node in nodes if node.leaf is not None))


def _drawing(trace: Trace, one: BackwardPass, options: Options) -> Iterator[Block]:
    graph = one.graph or Graph((), ())
    if _has_all_columns(options) and len(graph.nodes) <= _MOST_ATEN:
        shown = one if options.aten else in_calls(one)
        is_small = shown.graph is not None and _is_expression(shown.graph)
        nested = nested_tree(shown, trace.leaves, aten=options.aten) if is_small else None
    else:
        nested = None
    if nested is not None:
        yield nested
        return
    if options.fold and not options.aten:
        one = by_call(one, options.expand)
        graph = one.graph or graph
    view = simplify(graph, depth=options.depth, fold=options.fold, expand=options.expand)
    yield rows(view, one, trace.leaves, values=options.values, shapes=options.shapes, source=options.source)
    yield from (Paragraph(note, "folded") for note in view.notes)


def _is_expression(graph: Graph) -> bool:
    return len(graph.nodes) <= _MOST_NESTED and all(node.module is None for node in graph.nodes)


def _has_all_columns(options: Options) -> bool:
    """A nested expression always has the same columns: whoever chooses them gets the lines of the program."""
    return options.values is options.shapes is options.source is None and not options.expand


def _title(trace: Trace, one: BackwardPass) -> str:
    """`pass 1 of 3   loss.backward() at train.py:14   loss = 1.25`."""
    roots = "   ".join(map(_root, one.roots[:_MOST_ROOTS]))
    if len(one.roots) > _MOST_ROOTS:
        roots += f"   and {len(one.roots) - _MOST_ROOTS} more roots"
    if one.is_drawn_only:
        return f"graph of {visible(trace.run.target, 60)}, no backward pass ran   {roots}"
    n_passes = sum(each.count for each in trace.passes)
    source = one_line(one.location.text, 40) if one.location and one.location.text else f"{one.call}()"
    which = wording.pass_of(one.index, n_passes)
    return f"{which}{rank_of(trace)}   {source}{wording.at(one.location)}   {roots}".rstrip()


def _root(root: Root) -> str:
    name = visible(root.name or "root", 40)
    return f"{name} = {wording.value(root.value).removeprefix('|x| = ')}" if root.value is not None else name
