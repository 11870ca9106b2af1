"""What of a graph to show: modules as groups, and as much folded as is asked for or needed.

The steps, each by itself: cut the graph into calls of modules (`blocks`), find what repeats and what only reshapes
(`parts`), choose how deep modules are open and what else must be folded to fit (here), and write down the items and
the edges between them (`assembly`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from gradtrace.analysis.assembly import Assembly
from gradtrace.analysis.blocks import Block, BlockTree, block_tree
from gradtrace.analysis.branches import branches
from gradtrace.analysis.parts import Part, folded_parts, plain_parts
from gradtrace.analysis.stretches import fitting_stretches
from gradtrace.analysis.structure import Structure
from gradtrace.analysis.view import Group, Item, View
from gradtrace.model import Graph

SMALL = 40
"""Graphs of at most so many nodes are shown whole: whoever reads one wants to see every step."""

MAX_ITEMS = 1500
"""More items than this are folded further: slower than `dot` can lay out, and more than anybody reads."""

_FEW = 12
"""Rather than fewer items than this, the next level of modules is opened and neighbours are put together in it."""

_NAMED = 3
"""A note names so many repetitions."""


def simplify(
    graph: Graph,
    *,
    depth: int | None = None,
    fold: bool = True,
    max_items: int = MAX_ITEMS,
    expand: Collection[str] = (),
    closes_small: bool = False,
) -> View:
    """Choose what of a graph is shown.

    Args:
        graph: the graph of one pass.
        depth: how many levels of modules are open, those below are closed; None for all that fit.
        fold: fold repetitions and runs of views, and fold further until at most `max_items` are left. Without it every
            node is shown, but for the modules that `depth` closes.
        max_items: see `fold`.
        expand: modules that are open with all inside them, whatever `depth` and `max_items` say, and that are drawn
            apart from others like them.
        closes_small: modules of one op with its leaves are closed.

    Raises:
        RenderError: there is no module that `expand` names.
    """
    tree = block_tree(graph)
    open_branches = branches(tree, expand)
    parts = _Parts(tree, Structure(tree, open_branches.apart) if fold and len(graph.nodes) > SMALL else None)
    deepest = max(block.level for block in tree.blocks)
    wanted = deepest if depth is None else max(0, min(depth, deepest))
    plan = _fitting(tree, parts, wanted, max_items) if fold else Plan(wanted)
    if plan.most_parts is not None:
        for block in [block for block in parts if block.level <= plan.depth and block not in open_branches.opened]:
            parts[block] = fitting_stretches(tree, block, parts[block], plan.most_parts)
    small = _small(tree) if closes_small and fold else frozenset()
    n_small = sum(block.level <= plan.depth for block in small)
    assembly = Assembly(
        tree,
        parts,
        depth=plan.depth,
        has_open_loops=plan.has_open_loops,
        opened=open_branches.opened,
        closed=small,
    )
    items, groups = tuple(assembly.items), tuple(assembly.groups)
    edges, carried = assembly.edges()
    return View(graph, items, edges, groups, _notes(items, groups, plan, wanted, n_small=n_small), carried)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is folded.

    Attributes:
        depth: modules are open to this level.
        has_open_loops: whether the body of a loop is shown.
        most_parts: how many parts an open module shows before neighbours are put together; None for all.
    """

    depth: int
    has_open_loops: bool = True
    most_parts: int | None = None


class _Parts(dict[Block, tuple[Part, ...]]):
    """The parts of every block, found when first asked for: of equal blocks only one is ever looked into."""

    def __init__(self, tree: BlockTree, structure: Structure | None) -> None:
        super().__init__()
        self._tree = tree
        self._structure = structure

    def __missing__(self, block: Block) -> tuple[Part, ...]:
        uses = _first_uses(self._tree, block)
        self[block] = folded_parts(block, self._structure, uses) if self._structure else plain_parts(block, uses)
        return self[block]


def _small(tree: BlockTree) -> frozenset[Block]:
    """The modules that hold one op and its leaves, and nothing else."""
    nodes = tree.graph.nodes
    found = []
    for block in tree.blocks[1:]:
        ops = [child for child in block.children if not (isinstance(child, int) and nodes[child].leaf is not None)]
        has_leaves = len(ops) < len(block.children) or bool(block.shared)
        if has_leaves and len(ops) == 1 and isinstance(ops[0], int):
            found.append(block)
    return frozenset(found)


def _first_uses(tree: BlockTree, block: Block) -> dict[int, int]:
    """For each shared leaf of a block the child that uses it first."""
    uses = dict.fromkeys(range(len(block.shared)), len(block.children))
    if uses:
        for position in block.edges:
            edge = tree.graph.edges[position]
            if tree.is_shared(edge.target):
                leaf = tree.place[edge.target]
                uses[leaf] = min(uses[leaf], tree.child_within(block, edge.source))
    return uses


def _fitting(tree: BlockTree, parts: _Parts, wanted: int, max_items: int) -> Plan:
    """The plan that folds least of those that leave at most `max_items`."""
    n_items, n_blocks = _sizes(tree, parts)
    n_visible = [sum(n_items[level] for level in range(depth + 1)) + n_blocks[depth + 1] for depth in range(wanted + 1)]
    fitting = [depth for depth in range(wanted + 1) if n_visible[depth] <= max_items]
    depth = fitting[-1] if fitting else 0
    if fitting and (depth == wanted or n_visible[depth] >= _FEW):
        return Plan(depth)
    depth = min(depth + 1, wanted) if fitting else 0
    n_open = sum(n_blocks[level] for level in range(depth + 1))
    if fitting and n_open * _FEW > max_items:
        return Plan(depth - 1)
    return Plan(depth, has_open_loops=False, most_parts=max_items // n_open)


def _sizes(tree: BlockTree, parts: _Parts) -> tuple[Counter[int], Counter[int]]:
    """How many items, and how many blocks, of each level of modules there are to show."""
    n_items: Counter[int] = Counter()
    n_blocks = Counter({0: 1})
    stack = [(tree.root, part) for part in parts[tree.root]]
    while stack:
        block, part = stack.pop()
        child = block.children[part.start] if part.kind == "child" else None
        if isinstance(child, Block):
            n_blocks[child.level] += 1
            stack.extend((child, inner) for inner in parts[child])
        elif part.kind == "repeat" and (len(part.body) > 1 or part.body[0].kind == "child"):
            stack.extend((block, inner) for inner in part.body)
        else:
            n_items[block.level] += 1
    return n_items, n_blocks


def _notes(
    items: tuple[Item, ...], groups: tuple[Group, ...], plan: Plan, wanted: int, *, n_small: int
) -> tuple[str, ...]:
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
        modules = "module is" if n_closed == 1 else "modules are"
        if n_small:
            notes.append(f"{n_closed} {modules} closed to fit; --depth {plan.depth} opens those of one op")
        else:
            why = "to fit " if plan.depth < wanted else ""
            opening = f"--depth {plan.depth + 1} opens a level"
            notes.append(f"{n_closed} {modules} closed {why}(--depth {plan.depth}); {opening}")
    if plan.most_parts is not None and any(item.kind == "chain" for item in items):
        notes.append("neighbouring ops are drawn as one, because there are so many; --no-fold draws each")
    elif any(item.kind == "chain" for item in items):
        notes.append("runs of views and casts are drawn as one; --no-fold draws each")
    return tuple(notes)
