"""A graph as it is shown: items that stand for one node or for many, and the edges between them.

`analysis.simplify` makes views; every renderer draws them, so that folding is one mechanism.
"""

from dataclasses import dataclass

from gradtrace.model import Graph


@dataclass(frozen=True, slots=True)
class Item:
    """One visible box.

    Attributes:
        id: position in `View.items`; forward order (an item's producers stand before it), the same from run to run.
        kind: `node`, `leaf`, `module` (a folded module), `repeat` (identical siblings shown once), `chain` (a run of views or casts).
        nodes: ids of the graph's nodes for which it stands; one for `node` and `leaf`.
        group: id of the innermost open `Group` in which it stands, or None at top level.
        label: op, module name, or the user's name.
        count: how many identical blocks a `repeat` stands for (`×12`); else 1.
    """

    id: int
    kind: str
    nodes: tuple[int, ...]
    group: int | None
    label: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """An open module: a cluster in pictures, a level of indentation in the tree."""

    id: int
    path: str
    module_type: str | None
    parent: int | None


@dataclass(frozen=True, slots=True)
class ViewEdge:
    """Source and target are item ids, in the backward direction; `edges` are positions in `Graph.edges` which it stands for."""

    source: int
    target: int
    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What a renderer draws. `notes` say what was folded and how to open it."""

    graph: Graph
    items: tuple[Item, ...]
    edges: tuple[ViewEdge, ...]
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()
