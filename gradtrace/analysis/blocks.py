"""The modules of a graph as nested stretches of its forward order.

Everything that folding puts together is a stretch without gaps of an order in which producers stand before
consumers. So whatever is folded, no cycle can arise, and nothing needs to be searched for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

from gradtrace.analysis.topology import Adjacency, forward_order
from gradtrace.model import Graph

_DEEPEST = 24
"""Modules nested deeper than this count as one level: recursion over blocks stays shallow whatever the names say."""


@dataclass(slots=True, eq=False)
class Block:
    """One call of a module: the nodes that it made, and the calls inside it.

    Attributes:
        path: full dotted path; "" for the whole graph.
        name: the path within the parent block.
        module_type: the class's name, when a node of its own says it.
        level: how many modules it stands in, itself included; 0 for the whole graph.
        children: nodes by id, and blocks, in forward order. A leaf with a single consumer stands right before it.
        shared: leaves with several consumers of which this is the innermost block around all, in forward order.
        edges: edges whose ends lie in different children, or in a shared leaf, by position in `Graph.edges`.
        index: position among the parent's children.
        start: position of its first node in `BlockTree.order`.
    """

    path: str
    name: str
    module_type: str | None
    level: int
    parent: Block | None
    children: list[int | Block] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    index: int = 0
    start: int = 0

    @property
    def around(self) -> Block:
        """The parent; the whole graph stands in itself."""
        return self if self.parent is None else self.parent


@dataclass(slots=True)
class BlockTree:
    """A graph cut into blocks.

    Attributes:
        root: the whole graph.
        blocks: all blocks, parents before children.
        order: all nodes but the shared leaves, in forward order.
        place: position of each node in `order`; of a shared leaf in its block's `shared`.
        home: the innermost block of each node.
        child: position of each node among its home's children; of a shared leaf -1.
    """

    graph: Graph
    adjacency: Adjacency
    root: Block
    blocks: list[Block]
    order: list[int]
    place: list[int]
    home: list[Block]
    child: list[int]

    def is_shared(self, node: int) -> bool:
        """Whether the node is a leaf that several others use."""
        return self.child[node] < 0

    def child_within(self, block: Block, node: int) -> int:
        """Position among the block's children of the one in which the node lies."""
        home = self.home[node]
        if home is block:
            return self.child[node]
        while home.parent is not None and home.parent is not block:
            home = home.parent
        return home.index


def block_tree(graph: Graph) -> BlockTree:
    """Cut a graph into the calls of its modules."""
    adjacency = Adjacency(graph)
    consumers = _leaf_consumers(graph, adjacency)
    shared = {leaf for leaf, users in consumers.items() if len(users) != 1}
    full_order = forward_order(graph, adjacency)
    order = [node for node in full_order if node not in shared]
    root = Block("", "", None, 0, None)
    blocks = [root]
    home = [root] * len(graph.nodes)
    paths = _Paths(graph)
    current = root
    for node in order:
        owner = consumers[node][0] if node in consumers else node
        current = _enter(current, paths.parts(owner), blocks)
        if current.module_type is None and graph.nodes[owner].module == current.path:
            current.module_type = graph.nodes[owner].module_type
        current.children.append(node)
        home[node] = current
    _join_only_children(blocks)
    blocks = [block for block in blocks if block.level >= 0]
    tree = BlockTree(graph, adjacency, root, blocks, order, [0] * len(home), home, [-1] * len(home))
    _number(tree)
    for leaf in full_order:
        if leaf in shared:
            block = _innermost_around(home, consumers[leaf], root)
            home[leaf] = block
            tree.place[leaf] = len(block.shared)
            block.shared.append(leaf)
    for position, edge in enumerate(graph.edges):
        _innermost_of_two(home[edge.source], home[edge.target]).edges.append(position)
    return tree


def _leaf_consumers(graph: Graph, adjacency: Adjacency) -> dict[int, list[int]]:
    """For every leaf the different nodes that use it."""
    return {
        node.id: list(dict.fromkeys(graph.edges[edge].source for edge in adjacency.arriving_at(node.id)))
        for node in graph.nodes
        if node.leaf is not None
    }


class _Paths:
    """Cuts module paths at their dots, each only once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, tuple[str, ...]] = {}

    def parts(self, node: int) -> tuple[str, ...]:
        """`("net", "net.fc1")` for a node made in `net.fc1`."""
        path = self._graph.nodes[node].module or ""
        parts = self._known.get(path)
        if parts is None:
            names = path.split(".", _DEEPEST - 1) if path else []
            parts = tuple(".".join(names[: length + 1]) for length in range(len(names)))
            self._known[path] = parts
        return parts


def _enter(current: Block, parts: tuple[str, ...], blocks: list[Block]) -> Block:
    """Leave the blocks that do not lie on this path and open those that are missing."""
    while current.level > len(parts) or (current.level and parts[current.level - 1] != current.path):
        current = current.around
    for part in parts[current.level :]:
        name = part[len(current.path) + 1 :] if current.path else part
        block = Block(part, name, None, current.level + 1, current, index=len(current.children))
        current.children.append(block)
        blocks.append(block)
        current = block
    return current


def _join_only_children(blocks: list[Block]) -> None:
    """A block that holds nothing but one other block becomes that block: `net.encoder` instead of two boxes."""
    for block in reversed(blocks[1:]):
        if len(block.children) != 1 or not isinstance(block.children[0], Block):
            continue
        inner = block.children[0]
        inner.name = f"{block.name}.{inner.name}"
        inner.parent, inner.index = block.parent, block.index
        block.around.children[block.index] = inner
        block.level = -1
    for block in blocks[1:]:
        if block.level >= 0:
            block.level = block.around.level + 1


def _number(tree: BlockTree) -> None:
    """Write down where every node and block stands."""
    for position, node in enumerate(tree.order):
        tree.place[node] = position
    for block in tree.blocks:
        for index, child in enumerate(block.children):
            if isinstance(child, int):
                tree.child[child] = index
    for block in reversed(tree.blocks):
        if block.children:
            first = block.children[0]
            block.start = tree.place[first] if isinstance(first, int) else first.start


def _innermost_around(home: list[Block], nodes: list[int], root: Block) -> Block:
    """The innermost block that holds all these nodes."""
    return reduce(_innermost_of_two, (home[node] for node in nodes)) if nodes else root


def _innermost_of_two(left: Block, right: Block) -> Block:
    """The innermost block that holds both."""
    while left is not right:
        if left.level < right.level:
            left, right = right, left
        left = left.around
    return left
