"""The boxes that open and close on the page: modules, calls of them, calls of torch, and runs of a long sequence.

The calls of modules are those that all pictures fold by (`analysis.blocks`). Where other pictures draw equal calls
once, and choose what is open, the page keeps each call, since each can be opened.

The nodes of a pass stand in forward order, and every box is an unbroken run of them. So a module that is called three
times is three boxes, no arrow between boxes ever forms a circle, and "is this node inside that box" is a comparison of
two numbers. A box never holds more than `MAX_CHILDREN` things: longer sequences are cut into runs, along the iterations
of a loop where there is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gradtrace.analysis.blocks import Block, BlockTree
from gradtrace.analysis.calls import called
from gradtrace.analysis.repeats import find_runs
from gradtrace.model import Graph

MAX_CHILDREN = 160
"""More things in one box than this are cut into runs."""

_RUN_LENGTH = 40


@dataclass(slots=True)
class Box:
    """A run `[start, end)` of positions in forward order; `kind`: `all`, `module`, `call`, `iterations` or `steps`."""

    kind: str
    path: str
    label: str
    start: int
    end: int = 0
    type: str | None = None
    call: int = 0
    n_calls: int = 0
    parent: int = -1
    children: list[Box | int] = field(default_factory=list)


def boxes(graph: Graph, tree: BlockTree) -> list[Box]:
    """All boxes of a pass, parents before their children, the whole first.

    Args:
        graph: the graph of the pass.
        tree: the same graph cut into calls of modules; positions are those of its order without the leaves.
    """
    order = ops_in_order(graph, tree)
    root = _by_block(tree, {node: position for position, node in enumerate(order)})
    flat = _flatten(root, _tidy)
    flat = _flatten(root, lambda box: _join_calls(box, graph, order))
    flat = _flatten(root, lambda box: _cut(box, graph, order))
    _number_calls(flat)
    return flat


def ops_in_order(graph: Graph, tree: BlockTree) -> list[int]:
    """The nodes that are no leaves, in forward order."""
    return [node for node in tree.order if graph.nodes[node].leaf is None]


def _by_block(tree: BlockTree, position: dict[int, int]) -> Box:
    """A box for each block; leaves stand at what uses them and need none."""
    made = {block: Box("module", block.path, block.name, 0, type=block.module_type) for block in tree.blocks}
    for block in reversed(tree.blocks):
        box = made[block]
        children = [made[child] if isinstance(child, Block) else position.get(child, -1) for child in block.children]
        box.children = [child for child in children if (child.children if isinstance(child, Box) else child >= 0)]
        if box.children:
            box.start, box.end = _start(box.children[0]), _end(box.children[-1])
    root = made[tree.root]
    root.kind, root.start, root.end = "all", 0, len(position)
    return root


def _start(child: Box | int) -> int:
    return child if isinstance(child, int) else child.start


def _end(child: Box | int) -> int:
    return child + 1 if isinstance(child, int) else child.end


def _flatten(root: Box, change: Callable[[Box], None]) -> list[Box]:
    """Visit every box, parents first, after `change` was applied to it; set `parent` to positions in the result."""
    flat: list[Box] = []
    stack = [(root, -1)]
    while stack:
        box, parent = stack.pop()
        change(box)
        box.parent = parent
        index = len(flat)
        flat.append(box)
        stack.extend((child, index) for child in reversed(box.children) if isinstance(child, Box))
    return flat


def _tidy(box: Box) -> None:
    """Merge a box that holds nothing but one box into that one, and dissolve containers that came apart."""
    runs = Counter(child.path for child in box.children if isinstance(child, Box))
    children: list[Box | int] = []
    waiting = list(reversed(box.children))
    while waiting:
        child = waiting.pop()
        inner = _only_boxes(child)
        if isinstance(child, Box) and child.type is None and inner and (len(inner) == 1 or runs[child.path] > 1):
            for grandchild in reversed(inner):
                grandchild.label = f"{child.label}.{grandchild.label}"
                waiting.append(grandchild)
        else:
            children.append(child)
    box.children = children


def _only_boxes(child: Box | int) -> list[Box]:
    """What is in a box that holds nothing but boxes; else nothing."""
    if isinstance(child, int):
        return []
    inner = [grandchild for grandchild in child.children if isinstance(grandchild, Box)]
    return inner if len(inner) == len(child.children) else []


def _join_calls(box: Box, graph: Graph, order: Sequence[int]) -> None:
    """What one call of torch made gets a box, with the name of what it returned in place of a type."""

    def call_of(child: Box | int) -> int:
        return (graph.nodes[order[child]].call_number or 0) if isinstance(child, int) else 0

    if box.kind == "call":
        return
    children: list[Box | int] = []
    for number, together in groupby(box.children, call_of):
        own = list(together)
        if number and len(own) > 1:
            nodes = [graph.nodes[order[child]] for child in own if isinstance(child, int)]
            main = next((node for node in reversed(nodes) if node.name), nodes[-1])
            call = _box_of("call", box, own, called(main))
            call.path, call.type = f"{box.path}#call {number}", main.name
            children.append(call)
        else:
            children += own
    box.children = children


def _cut(box: Box, graph: Graph, order: Sequence[int]) -> None:
    """Cut a box with too many children into runs, and these into longer runs, until it does not hold too many."""
    if len(box.children) <= MAX_CHILDREN:
        return
    signs: dict[object, int] = {}
    symbols = [signs.setdefault(_sign(child, graph, order), len(signs)) for child in box.children]
    children: list[Box | int] = []
    place = 0
    for run in find_runs(symbols):
        if run.period == 1 or run.count * run.period < MAX_CHILDREN // 2:
            continue
        children.extend(box.children[place : run.start])
        starts = range(run.start, run.end, run.period)
        iterations = [
            _box_of("iterations", box, box.children[start : start + run.period], f"iteration {number:,}")
            for number, start in enumerate(starts, 1)
        ]
        children.extend(_bundles(box, iterations, "iterations"))
        place = run.end
    children.extend(box.children[place:])
    while len(children) > MAX_CHILDREN:
        children = _bundles(box, children, "steps")
    box.children = children


def _sign(child: Box | int, graph: Graph, order: Sequence[int]) -> object:
    if isinstance(child, Box):
        return (child.type or child.label, len(child.children))
    node = graph.nodes[order[child]]
    return (node.type, node.location.line if node.location else 0)


def _bundles(box: Box, children: Sequence[Box | int], word: str) -> list[Box | int]:
    """Neighbours put together, about as many bundles as children in each."""
    if len(children) <= _RUN_LENGTH:
        return list(children)
    size = max(_RUN_LENGTH // 2, round(len(children) ** 0.5))
    return [
        _box_of(word, box, part, _range(word, part, a))
        for a in range(0, len(children), size)
        for part in [children[a : a + size]]
    ]


def _range(word: str, part: Sequence[Box | int], before: int) -> str:
    first, last = part[0], part[-1]
    if isinstance(first, Box) and isinstance(last, Box) and first.kind == last.kind == "module":
        return f"{first.label} to {last.label}"
    return f"{word} {before + 1:,} to {before + len(part):,}"


def _box_of(kind: str, parent: Box, children: Sequence[Box | int], label: str) -> Box:
    start, end = _start(children[0]), _end(children[-1])
    return Box(kind, f"{parent.path}#{label}", label, start, end, children=list(children))


def _number_calls(flat: Sequence[Box]) -> None:
    totals = Counter(box.path for box in flat if box.kind == "module")
    seen: Counter[str] = Counter()
    for box in flat:
        if box.kind == "module" and totals[box.path] > 1:
            seen[box.path] += 1
            box.call, box.n_calls = seen[box.path], totals[box.path]
