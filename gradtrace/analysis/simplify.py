"""What of a graph to show: modules as groups, and as much folded as is asked for or needed.

The steps, each by itself: cut the graph into calls of modules (`blocks`), find what repeats and what only reshapes
(`parts`), choose how deep modules are open and what else must be folded to fit (here), and write down the items and
the edges between them (`assembly`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gradtrace.analysis.assembly import Assembly
from gradtrace.analysis.blocks import Block, BlockTree, block_tree
from gradtrace.analysis.parts import Part, folded_parts, plain_parts
from gradtrace.analysis.stretches import fitting_stretches
from gradtrace.analysis.structure import Structure
from gradtrace.analysis.view import Group, Item, View
from gradtrace.model import Graph

SMALL = 40
"""Graphs of at most so many nodes are shown whole: whoever reads one wants to see every step."""

MAX_ITEMS = 1500
"""More items than this are folded further: slower than `dot` can lay out, and more than anybody reads."""

_NAMED = 3
"""A note names so many repetitions."""


def simplify(graph: Graph, *, depth: int | None = None, fold: bool = True, max_items: int = MAX_ITEMS) -> View:
    """Choose what of a graph is shown.

    Args:
        graph: the graph of one pass.
        depth: how many levels of modules are open, those below are closed; None for all that fit.
        fold: fold repetitions and runs of views, and fold further until at most `max_items` are left. Without it every
            node is shown, but for the modules that `depth` closes.
        max_items: see `fold`.
    """
    tree = block_tree(graph)
    parts = _all_parts(tree, fold=fold and len(graph.nodes) > SMALL)
    deepest = max(block.level for block in tree.blocks)
    wanted = deepest if depth is None else max(0, min(depth, deepest))
    plan = _fitting(tree, parts, wanted, max_items) if fold else Plan(wanted)
    if plan.has_stretches:
        parts[tree.root] = fitting_stretches(tree, parts[tree.root], max_items)
    assembly = Assembly(tree, parts, depth=plan.depth, has_open_loops=plan.has_open_loops)
    items, groups = tuple(assembly.items), tuple(assembly.groups)
    edges, carried = assembly.edges()
    return View(graph, items, edges, groups, _notes(items, groups, plan, wanted), carried)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is folded: modules open to `depth`, loops open or closed, and at last whatever stands side by side."""

    depth: int
    has_open_loops: bool = True
    has_stretches: bool = False


def _all_parts(tree: BlockTree, *, fold: bool) -> dict[Block, tuple[Part, ...]]:
    """The parts of every block."""
    structure = Structure(tree) if fold else None
    parts = {}
    for block in tree.blocks:
        uses = _first_uses(tree, block)
        parts[block] = folded_parts(block, structure, uses) if structure else plain_parts(block, uses)
    return parts


def _first_uses(tree: BlockTree, block: Block) -> dict[int, int]:
    """For each shared leaf of a block the child that uses it first."""
    uses: dict[int, int] = {}
    if block.shared:
        for position in block.edges:
            edge = tree.graph.edges[position]
            if tree.is_shared(edge.target):
                leaf, child = tree.place[edge.target], tree.child_within(block, edge.source)
                uses[leaf] = min(child, uses.get(leaf, child))
        for leaf in range(len(block.shared)):
            uses.setdefault(leaf, len(block.children))
    return uses


def _fitting(tree: BlockTree, parts: dict[Block, tuple[Part, ...]], wanted: int, max_items: int) -> Plan:
    """The plan that folds least of those that leave at most `max_items`."""
    n_items: Counter[int] = Counter()
    n_blocks: Counter[int] = Counter()
    stack = [(tree.root, part) for part in parts[tree.root]]
    while stack:
        block, part = stack.pop()
        if part.kind == "repeat":
            if len(part.body) > 1 or part.body[0].kind == "child":
                stack.extend((block, inner) for inner in part.body)
                continue
        elif part.kind == "child":
            child = block.children[part.start]
            if isinstance(child, Block):
                n_blocks[child.level] += 1
                stack.extend((child, inner) for inner in parts[child])
                continue
        n_items[block.level] += 1
    visible = n_items[0]
    fitting = [0]
    for depth in range(1, wanted + 1):
        visible += n_items[depth]
        if visible + n_blocks[depth + 1] <= max_items:
            fitting.append(depth)
    if n_items[0] + n_blocks[1] <= max_items:
        return Plan(fitting[-1])
    return Plan(0, has_open_loops=False, has_stretches=len(parts[tree.root]) > max_items)


def _notes(items: tuple[Item, ...], groups: tuple[Group, ...], plan: Plan, wanted: int) -> tuple[str, ...]:
    """What was folded, and how to open it."""
    notes = []
    repeats = [f"{group.label} ×{group.count}" for group in groups if group.count > 1]
    repeats += [f"{item.label} ×{item.count}" for item in items if item.count > 1]
    if repeats:
        names = ", ".join(repeats[:_NAMED])
        more = f" and {len(repeats) - _NAMED} more" if len(repeats) > _NAMED else ""
        notes.append(f"repetitions are drawn once: {names}{more}; --no-fold draws each")
    n_closed = sum(item.copies for item in items if item.kind == "module")
    if n_closed:
        why = "to fit " if plan.depth < wanted else ""
        modules = "module is" if n_closed == 1 else "modules are"
        notes.append(f"{n_closed} {modules} closed {why}(--depth {plan.depth}); --depth {plan.depth + 1} opens a level")
    if plan.has_stretches:
        notes.append("neighbouring ops are drawn as one, because there are so many; --no-fold draws each")
    elif any(item.kind == "chain" for item in items):
        notes.append("runs of views and casts are drawn as one; --no-fold draws each")
    return tuple(notes)
