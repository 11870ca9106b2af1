"""A graph as it is shown: items that stand for one node or for many, and the edges between them.

`analysis.simplify` makes views; every renderer draws them, so that folding is one mechanism.
"""

from collections import defaultdict
from dataclasses import dataclass

from gradtrace.model import Graph


@dataclass(frozen=True, slots=True)
class Item:
    """One visible box.

    Attributes:
        id: position in `View.items`; forward order (an item's producers stand before it), the same from run to run.
        kind: `node`, `leaf`, `module` (a closed module), `repeat` (a closed loop), `chain` (a stretch of neighbouring
            ops: a run of views and casts, or whatever had to be folded to make the picture fit).
        nodes: ids of the graph's nodes for which it stands: `copies` blocks of equal length, one after the other, each
            in forward order; so `nodes[: len(nodes) // copies]` is the first block, and node k of every block is
            the same node in another repetition.
        group: id of the innermost open `Group` in which it stands, or None at top level.
        label: op, the module's name within its group, or the user's name.
        count: how often it repeats within its group (`×12`); else 1.
        copies: how often in all: `count` times the counts of the groups around it.
        path: for `module`, its full dotted path (that of the first when it repeats); else "".
        module_type: for `module`, its class name when known.
    """

    id: int
    kind: str
    nodes: tuple[int, ...]
    group: int | None
    label: str
    count: int = 1
    copies: int = 1
    path: str = ""
    module_type: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """An open module or loop: a cluster in pictures, a level of indentation in the tree.

    A module that is called in two places has a group for each call.

    Attributes:
        path: full dotted path of the module (of the first, when it repeats); "" for a loop outside modules.
        count: how many identical siblings or iterations it stands for; its items show the first and stand for all.
        label: what to print: the name within its parent (`attn`), `layers.0 … 11`, or `train.py:12-15` for a loop.
        kind: `module` or `loop`.
    """

    id: int
    path: str
    module_type: str | None
    parent: int | None
    count: int = 1
    label: str = ""
    kind: str = "module"


@dataclass(frozen=True, slots=True)
class ViewEdge:
    """Source and target are item ids, in the backward direction; it stands for these positions in `Graph.edges`."""

    source: int
    target: int
    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What a renderer draws.

    Attributes:
        edges: without cycles: the target's id is always smaller than the source's.
        groups: parents before children.
        notes: what was folded and how to open it.
        carried: edges from one repetition to the one before it (the hidden state of a recurrent net, the output of the
            layer before). They may point forwards or at the item itself; draw them apart (dashed) or leave them out.
    """

    graph: Graph
    items: tuple[Item, ...]
    edges: tuple[ViewEdge, ...]
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()
    carried: tuple[ViewEdge, ...] = ()


def item_of_node(view: View) -> list[int]:
    """For every node of the graph the id of the item that stands for it."""
    items = [0] * len(view.graph.nodes)
    for item in view.items:
        for node in item.nodes:
            items[node] = item.id
    return items


def leaf_uses(view: View) -> dict[int, tuple[ViewEdge, ...]]:
    """For every leaf item the edges that bring gradient to it, by its id: renderers may draw it anew at each."""
    uses: defaultdict[int, list[ViewEdge]] = defaultdict(list)
    for edge in view.edges:
        if view.items[edge.target].kind == "leaf":
            uses[edge.target].append(edge)
    return {item.id: tuple(uses[item.id]) for item in view.items if item.kind == "leaf"}
