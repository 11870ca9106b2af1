"""When two parts of a graph are the same: symbols that are equal for equal structure."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable
from typing import NamedTuple

from gradtrace.analysis.blocks import Block, BlockTree
from gradtrace.model import Node


class LevelEdge(NamedTuple):
    """An edge between two children of a block; offsets say which node of a child that is a block."""

    child: int
    offset: int
    slot: int
    output: int
    producer: int
    producer_offset: int


class Structure:
    """Symbols for the children of every block; equal symbols mean equal structure, whatever the numbers that flowed.

    Equal nodes have the same op, source span, shapes and slots; equal blocks hold equal children in the same order,
    connected in the same way. How they are connected to what lies outside is not part of it. A node whose gradient
    is not finite never equals one whose gradient is: that difference is what people look for. Blocks in `apart` equal
    no others.
    """

    def __init__(self, tree: BlockTree, apart: Collection[Block] = ()) -> None:
        self.tree = tree
        self._apart = apart
        self._known: dict[Hashable, int] = {}
        self._nodes = [self._symbol(self._node_key(node)) for node in tree.graph.nodes]
        self._blocks: dict[int, int] = {}
        for block in reversed(tree.blocks[1:]):
            self._blocks[id(block)] = self._symbol(self._block_key(block))

    def symbols(self, block: Block) -> list[int]:
        """The symbol of each child."""
        return [self._nodes[child] if isinstance(child, int) else self._blocks[id(child)] for child in block.children]

    def level_edges(self, block: Block) -> list[LevelEdge]:
        """The edges between the block's children, sorted; a shared leaf k of the block is the producer -1 - k."""
        tree = self.tree
        edges = []
        for position in block.edges:
            edge = tree.graph.edges[position]
            child, offset = self._place(block, edge.source)
            producer, producer_offset = self._place(block, edge.target)
            edges.append(LevelEdge(child, offset, edge.slot, edge.output, producer, producer_offset))
        edges.sort()
        return edges

    def _place(self, block: Block, node: int) -> tuple[int, int]:
        tree = self.tree
        if tree.is_shared(node):
            return -1 - tree.place[node], 0
        index = tree.child_within(block, node)
        child = block.children[index]
        return index, 0 if isinstance(child, int) else tree.place[node] - child.start

    def _symbol(self, key: Hashable) -> int:
        return self._known.setdefault(key, len(self._known))

    def _node_key(self, node: Node) -> Hashable:
        outputs = tuple((output.index, output.shape, output.dtype) for output in node.outputs)
        if node.leaf is not None:
            _, dot, parameter = (node.name or "").rpartition(".")
            return "leaf", parameter if dot else "", outputs
        edges = self.tree.graph.edges
        slots = tuple(edges[position].slot for position in self.tree.adjacency.sent_by(node.id))
        return node.type, node.op, node.location, outputs, slots, node.order is None, is_finite(node)

    def _block_key(self, block: Block) -> Hashable:
        if block in self._apart:
            return "apart", block.start, block.level
        name = ".".join("#" if part.isdigit() else part for part in block.name.split("."))
        shared = tuple(self._nodes[leaf] for leaf in block.shared)
        return name, block.module_type, tuple(self.symbols(block)), tuple(self.level_edges(block)), shared


def is_finite(node: Node) -> bool:
    """Whether nothing says that a gradient which arrived at the node is not finite."""
    for output in node.outputs:
        received = output.received
        if received is None:
            continue
        if received.is_finite is False or (received.norm is not None and not math.isfinite(received.norm)):
            return False
    return True
