"""From the tables of one pass to a `Graph`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gradtrace.model import Edge, Graph, Node, NodeOutput, SavedTensor, TensorStats
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.drafts import EdgeDraft, NodeDraft, OutputDraft, finish
from gradtrace.recording.tables import FlowTable, GraphTable, NodeKind, OutputKind, StateTable

Measured = Sequence[TensorStats | None]


class GraphBuilder:
    """Makes nodes and edges as drafts, adds what was measured, and finishes them.

    Every method raises `Damage` when a table contradicts another.
    """

    def __init__(self, known: Definitions, table: GraphTable, index: int) -> None:
        self._known = known
        self._index = index
        kinds = list(map(known.kinds.__getitem__, table.kinds))
        self.nodes = [_node(number, kind) for number, kind in enumerate(kinds)]
        self.edges = [
            EdgeDraft(
                source, target, slot, output, inputs[slot] if slot < len(inputs := kinds[source].inputs) else None
            )
            for source, target, slot, output in zip(
                table.sources, table.targets, table.slots, table.outputs, strict=True
            )
        ]

    def take_state(self, table: StateTable, measured: Measured) -> None:
        """Add what was known before the pass ran."""
        known = self._known
        for number, leaf in table.leaves:
            node = self._node(number)
            node.leaf = known.leaves[leaf]
            node.name, node.module = known.leaf_words[node.leaf]
        for number, index, stats in table.values:
            output = self._output(number, index)
            if output is not None:
                output.value = at(measured, stats)
        self._take_saved(table, measured)
        ends = [first for first, _ in table.made[1:]] + [len(self.nodes)]
        for (first, back), end in zip(table.made, ends, strict=False):
            made_after = self._index - back
            for node in self.nodes[first:end]:
                if node.leaf is None:
                    node.made_after = made_after
        for number, back in table.freed:
            self._node(number).freed_by = self._index - back

    def _take_saved(self, table: StateTable, measured: Measured) -> None:
        found: dict[int, dict[int, tuple[TensorStats | None, int | None]]] = {}
        for number, position, stats in table.saved:
            found.setdefault(number, {})[position] = (at(measured, stats), None)
        for number, position, leaf in table.saved_leaves:
            of_node = found.setdefault(number, {})
            of_node[position] = (of_node.get(position, (None, None))[0], self._known.leaves[leaf])
        for number, of_node in found.items():
            kept = self._kept(number, of_node)
            for position, (stats_or_none, leaf_or_none) in of_node.items():
                kept[position] = _saved(kept[position], stats_or_none, leaf_or_none)
            self.nodes[number].saved = tuple(kept)

    def _kept(self, number: int, positions: Iterable[int]) -> list[SavedTensor]:
        """What a node saves, if there is something at these positions."""
        kept: list[SavedTensor] = list(self._node(number).saved)
        for position in positions:
            if position >= len(kept):
                raise Damage(f"node {number} saves {len(kept)} tensors, and no tensor {position}")
        return kept

    def take_flow(self, table: FlowTable, measured: Measured) -> None:
        """Add the order of execution, and the statistics of what moved."""
        edges = self.edges
        for place, number in enumerate(table.order):
            self._node(number).order = place
        for number, index, row in table.received:
            self._receive(number, index, at(measured, row))
        for number, index, row in table.arrived:
            output = self._output(number, index)
            if output is not None:
                output.arrived = at(measured, row)
        for number, row in table.sent:
            if number >= len(edges):
                raise Damage(f"there is no edge {number}")
            edges[number].sent = at(measured, row)
        for number, position, row in table.saved:
            kept = self._kept(number, (position,))
            kept[position] = replace(kept[position], stats=at(measured, row))
            self.nodes[number].saved = tuple(kept)

    def _node(self, number: int) -> Any:
        if number >= len(self.nodes):
            raise Damage(f"there is no node {number}")
        return self.nodes[number]

    def _output(self, number: int, index: int) -> Any:
        for output in self._node(number).outputs:
            if output.index == index:
                return output
        return None

    def _receive(self, number: int, index: int, what: TensorStats | None) -> None:
        """A gradient arrived at an output; of some the walk knew nothing, and they are added."""
        output = self._output(number, index)
        if output is not None:
            output.received = what
        elif what is not None:
            added = OutputDraft(index, what.shape, what.dtype, received=what)
            node = self.nodes[number]
            node.outputs = tuple(sorted((*node.outputs, added), key=lambda output: output.index))

    def build(self) -> Graph:
        """The graph; nothing can be added to it."""
        nodes, edges = self.nodes, self.edges
        for node in nodes:
            finish(node.outputs, NodeOutput)
        finish(nodes, Node)
        finish(edges, Edge)
        made: tuple[Edge, ...] = tuple(edges)
        if not _is_sorted(made):
            made = tuple(sorted(made, key=lambda edge: (edge.source, edge.slot)))
        return Graph(tuple(nodes), made)


def _node(number: int, kind: NodeKind) -> Any:
    return NodeDraft(
        number,
        kind.type,
        kind.op,
        kind.name,
        kind.module,
        kind.module_type,
        kind.call,
        kind.location,
        None,
        tuple([_draft(one) for one in kind.outputs]),
        kind.saved,
        None,
        kind.is_custom,
        kind.backward_location,
        kind.arguments,
    )


def _draft(kind: OutputKind) -> Any:
    return OutputDraft(
        kind.number, kind.shape, kind.dtype, kind.device, None, None, kind.hooks, None, kind.name, kind.retains_grad
    )


def _saved(kind: SavedTensor, stats: TensorStats | None, leaf: int | None) -> SavedTensor:
    """A saved tensor with what is known of it in this pass: all its elements, or statistics."""
    value = None if stats is None else stats.value
    return SavedTensor(
        kind.name,
        kind.shape,
        kind.dtype,
        kind.bytes,
        kind.device,
        kind.shared,
        leaf,
        kind.packed,
        value,
        None if value is not None else stats,
    )


def _is_sorted(edges: Sequence[Edge]) -> bool:
    before = (-1, -1)
    for edge in edges:
        here = (edge.source, edge.slot)
        if here < before:
            return False
        before = here
    return True


def at(measured: Measured, number: int) -> TensorStats | None:
    """The statistics with this number. Raises `Damage`."""
    if not 0 <= number < len(measured):
        raise Damage(f"there are no statistics {number}")
    return measured[number]
