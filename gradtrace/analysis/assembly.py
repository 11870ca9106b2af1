"""From the parts of a graph to the items, groups and edges of a view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple

from gradtrace.analysis.blocks import Block, BlockTree
from gradtrace.analysis.parts import Part
from gradtrace.analysis.view import Group, Item, ViewEdge

_Cursor = tuple[Block, int]
"""Where one repetition of a part lies: its block, and what to add to the part's `start`."""


class _Where(NamedTuple):
    """Where a part is shown: in which group, and all the repetitions for which it stands, `n_own` of them its own."""

    cursors: list[_Cursor]
    group: int | None
    n_own: int = 1


_NAMED_OPS = 3
"""A stretch is labelled with the first so many of its ops."""


class Assembly:
    """Writes down items and groups for chosen parts: each part once, for all its repetitions together."""

    def __init__(
        self,
        tree: BlockTree,
        parts: dict[Block, tuple[Part, ...]],
        *,
        depth: int,
        has_open_loops: bool,
        opened: Collection[Block] = (),
        closed: Collection[Block] = (),
    ) -> None:
        self._tree = tree
        self._nodes = tree.graph.nodes
        self._parts = parts
        self._depth = depth
        self._has_open_loops = has_open_loops
        self._opened = opened
        self._closed = closed
        self.items: list[Item] = []
        self.groups: list[Group] = []
        self._show(parts[tree.root], _Where([(tree.root, 0)], None))

    def _show(self, parts: Iterable[Part], where: _Where) -> None:
        for part in parts:
            if part.kind == "repeat":
                self._show_repeat(part, where)
            elif part.kind == "leaf":
                self._add_leaves([block.shared[part.start] for block, _ in where.cursors], where)
            elif part.kind == "child":
                self._show_child(part, where)
            else:
                nodes = [node for cursor in where.cursors for node in self._nodes_of(part, cursor)]
                self._add("chain", nodes, where, self._ops(nodes[: len(nodes) // len(where.cursors)]))

    def _show_child(self, part: Part, where: _Where, prefix: str = "") -> None:
        children = [block.children[shift + part.start] for block, shift in where.cursors]
        nodes = [child for child in children if isinstance(child, int)]
        if not nodes:
            self._show_blocks([child for child in children if isinstance(child, Block)], where, prefix)
        elif self._nodes[nodes[0]].leaf is None:
            self._add("repeat" if where.n_own > 1 else "node", nodes, where, self._nodes[nodes[0]].op)
        else:
            self._add_leaves(nodes, where)

    def _show_blocks(self, blocks: list[Block], where: _Where, prefix: str) -> None:
        first = blocks[0]
        label = prefix + _span(first.name, blocks[where.n_own - 1].name)
        if (first.level > self._depth or first in self._closed) and first not in self._opened:
            self._add("module", [node for block in blocks for node in all_nodes(block)], where, label, first)
            return
        repeated = self._only_repeat(first)
        if repeated is not None and where.n_own == 1:
            # A list of equal modules: `layers.0 … 11` says it, a box for `layers` around it would say nothing.
            turns = [(block, turn * repeated.length) for block in blocks for turn in range(repeated.count)]
            self._show_child(repeated.body[0], _Where(turns, where.group, repeated.count), f"{first.name}.")
            return
        opened = Group(len(self.groups), first.path, first.module_type, where.group, where.n_own, label)
        self.groups.append(opened)
        self._show(self._parts[first], _Where([(block, 0) for block in blocks], opened.id))

    def _only_repeat(self, block: Block) -> Part | None:
        """The repeated module of which a block consists, if it consists of nothing else."""
        parts = self._parts[block]
        if len(parts) != 1 or parts[0].kind != "repeat" or len(parts[0].body) != 1:
            return None
        inner = parts[0].body[0]
        is_module = inner.kind == "child" and isinstance(block.children[inner.start], Block)
        return parts[0] if is_module else None

    def _show_repeat(self, part: Part, where: _Where) -> None:
        turns = [(block, shift + turn * part.length) for block, shift in where.cursors for turn in range(part.count)]
        repeated = _Where(turns, where.group, part.count)
        if part.length == 1 and part.body[0].kind == "child":
            self._show_child(part.body[0], repeated)
            return
        body = Part("chain", part.start, part.length)
        label = self._place(self._nodes_of(body, turns[0]))
        if self._has_open_loops and len(part.body) > 1:
            path = self.groups[where.group].path if where.group is not None else ""
            loop = Group(len(self.groups), path, None, where.group, part.count, label, "loop")
            self.groups.append(loop)
            self._show(part.body, _Where(turns, loop.id))
        else:
            self._add("repeat", [node for turn in turns for node in self._nodes_of(body, turn)], repeated, label)

    def _add_leaves(self, nodes: list[int], where: _Where) -> None:
        names = [self._nodes[node].name or self._nodes[node].op for node in nodes]
        self._add("leaf", nodes, where, _common_name(names))

    def _add(self, kind: str, nodes: list[int], where: _Where, label: str, module: Block | None = None) -> None:
        item = Item(
            id=len(self.items),
            kind=kind,
            nodes=tuple(nodes),
            group=where.group,
            label=label,
            count=where.n_own,
            copies=len(where.cursors),
            path=module.path if module else "",
            module_type=module.module_type if module else None,
        )
        self.items.append(item)

    def _nodes_of(self, part: Part, cursor: _Cursor) -> list[int]:
        """All nodes of one repetition of a part."""
        block, shift = cursor
        if part.kind == "leaf":
            return [block.shared[part.start]]
        if part.kind == "stretch":
            return [node for inner in part.body for node in self._nodes_of(inner, cursor)]
        start = shift + part.start
        nodes: list[int] = []
        for child in block.children[start : start + part.length * part.count]:
            nodes.extend([child] if isinstance(child, int) else all_nodes(child))
        return nodes

    def _ops(self, nodes: list[int]) -> str:
        """What to call several nodes: their first ops, or their names where they are leaves."""
        ops = list(dict.fromkeys(self._nodes[node].op for node in nodes if self._nodes[node].leaf is None))
        ops = ops or list(dict.fromkeys(self._nodes[node].name or "leaf" for node in nodes))
        return ", ".join(ops[:_NAMED_OPS]) + (" …" if len(ops) > _NAMED_OPS else "")

    def _place(self, nodes: list[int]) -> str:
        """The source lines of a loop's body: `train.py:12-15`; its ops when the lines are not known."""
        places = [node.location for node in map(self._nodes.__getitem__, nodes) if node.location is not None]
        if not places:
            return self._ops(nodes)
        lines = [place.line for place in places if place.file == places[0].file]
        span = f"{min(lines)}-{max(lines)}" if min(lines) < max(lines) else f"{lines[0]}"
        return f"{PurePath(places[0].file).name}:{span}"

    def edges(self) -> tuple[tuple[ViewEdge, ...], tuple[ViewEdge, ...]]:
        """The edges between items, and apart from them those from one repetition to another."""
        item_of = [0] * len(self._nodes)
        turn_of = [0] * len(self._nodes)
        for item in self.items:
            size = len(item.nodes) // item.copies * item.count
            for place, node in enumerate(item.nodes):
                item_of[node] = item.id
                turn_of[node] = place // size
        loops = _Loops(self.items, self.groups)
        inner: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        carried: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for position, edge in enumerate(self._tree.graph.edges):
            ends = source, target = item_of[edge.source], item_of[edge.target]
            if loops.is_between_turns(source, turn_of[edge.source], target, turn_of[edge.target]):
                carried[ends].append(position)
            elif source != target:
                inner[ends].append(position)
        return _view_edges(inner), _view_edges(carried)


class _Loops:
    """In which repetition of which loops an item's nodes stand."""

    def __init__(self, items: list[Item], groups: list[Group]) -> None:
        around: list[tuple[tuple[int, int], ...]] = []
        for group in groups:
            outer = around[group.parent] if group.parent is not None else ()
            turns = outer[-1][1] if outer else 1
            around.append((*outer, (group.id, turns * group.count)) if group.count > 1 else outer)
        self._around = [around[item.group] if item.group is not None else () for item in items]

    def is_between_turns(self, source: int, source_turn: int, target: int, target_turn: int) -> bool:
        """Whether an edge leads from one repetition of a loop, in which both its ends stand, to another."""
        left, right = self._around[source], self._around[target]
        common = 1
        for (left_loop, turns), (right_loop, _) in zip(left, right, strict=False):
            if left_loop != right_loop:
                break
            common = turns
        if common == 1:
            return False
        return source_turn // (left[-1][1] // common) != target_turn // (right[-1][1] // common)


def _span(first: str, last: str) -> str:
    """`0 … 11` for the names of the first and the last of several modules."""
    return first if first == last else f"{first} … {last}"


def _common_name(names: list[str]) -> str:
    """One name for several leaves: `layers.*.weight`."""
    rows = [name.split(".") for name in dict.fromkeys(names)]
    if len({len(row) for row in rows}) > 1:
        return f"{names[0]} …"
    return ".".join(parts[0] if len(set(parts)) == 1 else "*" for parts in zip(*rows, strict=True))


def _view_edges(by_ends: dict[tuple[int, int], list[int]]) -> tuple[ViewEdge, ...]:
    return tuple(ViewEdge(source, target, tuple(by_ends[source, target])) for source, target in sorted(by_ends))


def all_nodes(block: Block) -> Iterator[int]:
    """All nodes of a block, producers before consumers; equal blocks give them in equal order."""
    yield from block.shared
    for child in block.children:
        if isinstance(child, int):
            yield child
        else:
            yield from all_nodes(child)
