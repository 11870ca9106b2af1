"""The lines of the terminal tree: modules nest, and inside them the ops stand in the order of the program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gradtrace.analysis.view import Group, Item, View
from gradtrace.model import Accumulation, BackwardPass, Effect, Leaf, Node, NodeOutput, TensorStats
from gradtrace.renderers.tree.ranges import gradient_range, is_bad, value_range
from gradtrace.text import wording
from gradtrace.text.added import told
from gradtrace.text.blocks import Cell, Table
from gradtrace.text.escape import visible

_LONGEST_NAME = 60
_MOST_OPERANDS = 3
_LONGEST_OPERANDS = 36

_BRANCH, _LAST, _PASSING, _NOTHING = "├─ ", "└─ ", "│  ", "   "

_TITLES = ("", "from", "shape", "value", "gradient", "where")
_FROM, _SHAPE, _VALUE, _SOURCE = 1, 2, 3, 5
_OPTIONAL = (_VALUE, _FROM, _SHAPE, _SOURCE)

Row = tuple[Cell, ...]


def rows(
    view: View,
    one: BackwardPass,
    leaves: tuple[Leaf, ...],
    *,
    values: bool | None = None,
    shapes: bool | None = None,
    source: bool | None = None,
) -> Table:
    """The lines of a view: op and name, where its operands come from, shape, value, gradient, place in the source.

    Columns that are not wanted are empty; those that are wanted are not left out where the line is too narrow.
    """
    wanted = {_VALUE: values, _SHAPE: shapes, _SOURCE: source}
    hidden = [column for column, is_wanted in wanted.items() if is_wanted is False]
    lines = tuple(_Writer(view, one, leaves).lines())
    if hidden:
        lines = tuple(tuple(Cell("") if i in hidden else cell for i, cell in enumerate(line)) for line in lines)
    titles = tuple(title if any(line[i].text for line in lines) else "" for i, title in enumerate(_TITLES))
    optional = tuple(column for column in _OPTIONAL if not wanted.get(column))
    return Table(titles, lines, optional, is_drawing=True, is_list=True)


@dataclass(frozen=True, slots=True)
class _Visit:
    """A line to come: an item or a group, and the guides that stand before it and before what it holds."""

    entry: Item | Group
    guide: str
    inherited: str


class _Operand(NamedTuple):
    """An item from which operands come, from the turn of the loop before if it is carried, over so many edges."""

    item: int
    is_carried: bool
    n_edges: int


class _Writer:
    """Writes the lines of one view."""

    def __init__(self, view: View, one: BackwardPass, leaves: tuple[Leaf, ...]) -> None:
        self._view = view
        self._nodes = view.graph.nodes
        self._pass = one
        self._leaves = leaves
        self._accumulations = {row.leaf: row for row in one.accumulations}
        self._roots = {root.node for root in one.roots}
        self._inside = _inside(view)
        self._operands = _operands(view)
        self._previous: int | None = None

    def lines(self) -> Iterator[Row]:
        """All lines, with an explicit stack: modules may nest deeper than Python recurses."""
        stack = [_Visit(entry, "", "") for entry in reversed(self._inside[None])]
        while stack:
            visit = stack.pop()
            if isinstance(visit.entry, Item):
                yield self._item(visit.entry, visit.guide)
                continue
            inside = self._inside[visit.entry.id]
            if len(inside) == 1 and isinstance(inside[0], Item):
                yield self._item(inside[0], visit.guide, visit.entry)
                continue
            yield (Cell(f"{visit.guide}{_group_label(visit.entry)}", "title"), *(Cell(""),) * 5)
            for entry in reversed(inside):
                is_last = entry is inside[-1]
                guide = visit.inherited + (_LAST if is_last else _BRANCH)
                stack.append(_Visit(entry, guide, visit.inherited + (_NOTHING if is_last else _PASSING)))

    def _item(self, item: Item, guide: str, only_one_of: Group | None = None) -> Row:
        size = len(item.nodes) // item.copies
        shown = [self._nodes[node] for node in item.nodes[size - 1 :: size]]
        is_leaf = item.kind == "leaf"
        label = self._leaf_label(item) if is_leaf else self._op_label(item, shown[-1])
        if only_one_of is not None:
            label = f"{_group_label(only_one_of)}   {label}"
        operands = "" if is_leaf else self._operand_text(item)
        gradient = self._leaf_gradient(item) if is_leaf else self._gradient(item, shown)
        if not is_leaf:
            self._previous = item.id
        first = shown[0]
        outputs = first.outputs
        error = self._pass.error
        if error is not None and error.node in item.nodes:
            gradient = Cell(f"failed here: {error.type}", "alarm")
        return (
            Cell(guide + label, self._style(item, gradient)),
            Cell(operands, "muted"),
            Cell(wording.spec(outputs[0].shape, outputs[0].dtype, outputs[0].device) if outputs else "", "muted"),
            Cell(self._value(item, shown)),
            gradient,
            Cell("" if is_leaf else wording.location(first.location), "muted"),
        )

    def _style(self, item: Item, gradient: Cell) -> str:
        if gradient.style == "alarm":
            return "alarm"
        return "name" if item.kind == "leaf" else "title" if item.kind == "module" else ""

    def _leaf_label(self, item: Item) -> str:
        name = item.label
        if item.group is not None:
            prefix = f"{self._view.groups[item.group].path}."
            name = self._nodes[item.nodes[0]].name or name
            name = name.removeprefix(prefix) if name.startswith(prefix) else item.label
        uses = "" if item.count == 1 else f" ×{item.count}"
        return f"{visible(name, _LONGEST_NAME)}  leaf{uses}"

    def _op_label(self, item: Item, node: Node) -> str:
        label = visible(item.label, _LONGEST_NAME)
        if item.kind == "module" and item.module_type:
            label += f"  {visible(item.module_type, _LONGEST_NAME)}"
        if item.count > 1:
            label += f" ×{item.count:,}"
        size = len(item.nodes) // item.copies
        if size > 1:
            n_leaves = sum(self._nodes[place].leaf is not None for place in item.nodes[:size])
            ops = wording.count(size - n_leaves, "op")
            label += f"  ({ops}, {wording.count(n_leaves, 'leaf')})" if n_leaves else f"  ({ops})"
        name = node.name if item.kind in {"node", "repeat"} else None
        return f"{label}  {visible(name, _LONGEST_NAME)}" if name else label

    def _operand_text(self, item: Item) -> str:
        """Where the operands come from, unless it is simply the line before."""
        operands = self._operands[item.id]
        if [operand.item for operand in operands] == ([self._previous] if self._previous is not None else []):
            return ""
        is_carried = any(operand.is_carried for operand in operands)
        names = []
        for operand in operands:
            # What comes from outside in fewer turns than there are is where the loop starts.
            is_start = is_carried and not operand.is_carried and operand.n_edges < item.copies
            prefix = "then previous " if operand.is_carried else "first " if is_start else ""
            names.append((bool(prefix), prefix + self._operand(operand.item, item)))
        names.sort(key=lambda name: name[0])
        listed = list(dict.fromkeys(name for _, name in names))
        text = ", ".join(listed) if is_carried else wording.listing(listed, _MOST_OPERANDS)
        return visible(text, _LONGEST_OPERANDS)

    def _operand(self, operand: int, item: Item) -> str:
        """What a reader who looks at `item` calls another item: its module, seen from here, or its own name."""
        other = self._view.items[operand]
        around = self._around(item.group)
        group = other.group
        while group is not None and self._view.groups[group].parent not in around and group not in around:
            group = self._view.groups[group].parent
        if group is not None and group not in around:
            return visible(self._view.groups[group].label, _LONGEST_NAME)
        node = self._nodes[other.nodes[-1]]
        return visible(node.name if other.kind == "node" and node.name else other.label, _LONGEST_NAME)

    def _around(self, group: int | None) -> set[int | None]:
        around: set[int | None] = {None}
        while group is not None:
            around.add(group)
            group = self._view.groups[group].parent
        return around

    def _value(self, item: Item, shown: list[Node]) -> str:
        if item.kind != "leaf":
            return value_range([node.value for node in shown])
        known = [self._leaves[node.leaf].value for node in shown if node.leaf is not None]
        text = wording.elements(known[0]) if len(known) == 1 and known[0] is not None else ""
        return text if len(text) <= _LONGEST_VALUE else ""

    def _gradient(self, item: Item, shown: list[Node]) -> Cell:
        outputs = [output for node in shown for output in node.outputs]
        received = [output.received for output in outputs if output.received is not None]
        if not received:
            is_idle = not self._pass.is_drawn_only and all(node.order is None for node in shown)
            return Cell("not run" if is_idle else "", "muted")
        text = gradient_range(received) + _hook_text(outputs)
        if len(shown) == 1 and len(outputs) > 1:
            text += f" (at {len(received)} of {len(outputs)} outputs)"
        if self._roots.intersection(item.nodes):
            text += "  backward starts here"
        return Cell(text, "alarm" if any(map(is_bad, received)) else "gradient")

    def _leaf_gradient(self, item: Item) -> Cell:
        known = [self._accumulations.get(self._nodes[node].leaf or 0) for node in item.nodes]
        found = [row for row in known if row is not None]
        added = [row.contribution for row in found if row.contribution is not None]
        if not found:
            return Cell("")
        if not added:
            return Cell("nothing arrived", "muted")
        style = "alarm" if any(map(is_bad, added)) else "gradient"
        return Cell(_landed(found[0]) if len(found) == 1 else f"adds {gradient_range(added)}", style)


_LONGEST_VALUE = 28


def _landed(row: Accumulation) -> str:
    """What one pass did to one leaf: `.grad None → 2`, `.grad 2 → 4, adds 2`."""
    added = wording.gradient(row.contribution)
    if row.effect == Effect.NOT_STORED:
        return f"returned {added}"
    if row.reduced is not None:
        norms = (wording.gradient_norm(stats) for stats in (row.before, row.contribution, row.after))
        before, added, after = (
            norms if added.startswith("[") else (_bare(row.before), added, wording.gradient(row.after))
        )
        return told([row], (before, added, after), is_norm=True)
    if row.before is None:
        return f".grad None → {wording.gradient(row.after)}"
    return f".grad {_bare(row.before)} → {_bare(row.after)}, adds {added}"


def _bare(stats: TensorStats | None) -> str:
    return wording.gradient(stats).removeprefix("|g| = ")


def _hook_text(outputs: list[NodeOutput]) -> str:
    arrived = [output.arrived for output in outputs if output.arrived is not None]
    return f" (a hook changed {gradient_range(arrived)})" if arrived else ""


def _group_label(group: Group) -> str:
    label = visible(group.label or group.path, _LONGEST_NAME)
    if group.kind == "loop":
        label = f"loop at {label}" if ":" in label else f"loop of {label}"
    if group.module_type:
        label += f"  {visible(group.module_type, _LONGEST_NAME)}"
    return f"{label} ×{group.count:,}" if group.count > 1 else label


def _inside(view: View) -> dict[int | None, list[Item | Group]]:
    """What stands in each group, in order; None for the top level."""
    inside: dict[int | None, list[Item | Group]] = {None: [], **{group.id: [] for group in view.groups}}
    is_placed = [False] * len(view.groups)
    for item in view.items:
        inside[item.group].append(item)
        group = item.group
        while group is not None and not is_placed[group]:
            is_placed[group] = True
            parent = view.groups[group].parent
            inside[parent].append(view.groups[group])
            group = parent
    return inside


def _operands(view: View) -> list[list[_Operand]]:
    """For every item where its operands, other than leaves, come from."""
    operands: list[list[_Operand]] = [[] for _ in view.items]
    for edges, is_carried in ((view.edges, False), (view.carried, True)):
        for edge in edges:
            if view.items[edge.target].kind != "leaf":
                operands[edge.source].append(_Operand(edge.target, is_carried, len(edge.edges)))
    return operands
