"""From the tables of one pass to a `Graph`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradtrace.model import Edge, Graph, Node, NodeOutput, Recomputed, SavedTensor, Storages, TensorStats
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.drafts import EdgeDraft, NodeDraft, OutputDraft, SavedDraft, finish
from gradtrace.recording.tables import FlowTable, GraphTable, NodeKind, StateTable

Measured = Sequence[TensorStats | None]


class GraphBuilder:
    """Makes nodes and edges as drafts, adds what was measured, and finishes them.

    Every method raises `Damage` when a table contradicts another.
    """

    def __init__(self, known: Definitions, table: GraphTable, index: int) -> None:
        self._known = known
        self._index = index
        self._kept: dict[int, list[SavedTensor]] = {}
        """By node: what it saves, until all is known."""
        self._storages: Storages | None = None
        self._inside: dict[int, dict[int, TensorStats | None]] = {}
        self._reasons: dict[int, str] = {}
        kinds = list(map(known.kinds.__getitem__, table.kinds))
        makers = {number: _maker(known.kinds[number]) for number in set(table.kinds)}
        numbers = list(range(len(kinds)))  # the same object wherever a node is named
        self.nodes = [makers[kind](number) for number, kind in zip(numbers, table.kinds, strict=True)]
        self.edges = [
            EdgeDraft(
                numbers[source],
                numbers[target],
                slot,
                output,
                inputs[slot] if slot < len(inputs := kinds[source].inputs) else None,
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
        self._take_storages(table)
        made = list(table.made)
        ends = [first for first, _ in made[1:]] + [len(self.nodes)]
        for (first, back), end in zip(made, ends, strict=False):
            made_after = self._index - back
            for node in self.nodes[first:end]:
                if node.leaf is None:
                    node.made_after = made_after
        for number, back in table.freed:
            self._node(number).freed_by = self._index - back
        if table.calls:
            self._take_calls(table)

    def _take_calls(self, table: StateTable) -> None:
        """Number the calls that made the nodes, those of a single node too."""
        for number, call in table.calls:
            self._node(number).call_number = call
        latest = max(call for _, call in table.calls)
        for node in self.nodes:
            if node.call_number is None and node.call is not None:
                latest += 1
                node.call_number = latest

    def _take_saved(self, table: StateTable, measured: Measured) -> None:
        leaves = {(number, position): self._known.leaves[leaf] for number, position, leaf in table.saved_leaves}
        for number, position, stats in table.saved:
            self._save(number, position, at(measured, stats), leaves.pop((number, position), None))
        for (number, position), leaf in leaves.items():
            self._save(number, position, None, leaf)

    def _take_storages(self, table: StateTable) -> None:
        numbers = table.storages
        if numbers is None:
            return
        if len(numbers) != sum(len(node.saved) for node in self.nodes):
            raise Damage(f"{len(numbers)} saved tensors have a storage, where nodes save another number")
        leaves = {node: storage for (node, _), storage in zip(table.leaves, table.leaf_storages, strict=False)}
        makers = {(node, position): maker for node, position, maker in table.makers if maker < len(self.nodes)}
        self._storages = Storages(numbers, leaves, makers)

    def _save(self, number: int, position: int, stats: TensorStats | None, leaf: int | None) -> None:
        """Say what is known of something that a node saves."""
        kept = self._saved_by(number, position)
        kept[position] = _saved(kept[position], stats, leaf)

    def _saved_by(self, number: int, position: int) -> list[SavedTensor]:
        """What a node saves, if there is something at this position."""
        kept = self._kept.get(number)
        if kept is None:
            kept = self._kept[number] = list(self._node(number).saved)
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
            kept = self._saved_by(number, position)
            kept[position] = replace(kept[position], stats=at(measured, row))
        for number, position, row in table.inside:
            self._inside.setdefault(number, {})[position] = at(measured, row)

    def take_reasons(self, reasons: Sequence[tuple[int, str]]) -> None:
        """Add why something inside of compiled regions could not be recomputed."""
        for number, reason in reasons:
            self._inside.setdefault(number, {})
            self._reasons[number] = reason

    def _take_inside(self) -> None:
        """What was recomputed inside of compiled regions, in the order of their ops."""
        for number, found in self._inside.items():
            node = self._node(number)
            n_ops = 0 if node.region is None else len(node.region.ops or ())
            if found and max(found) >= n_ops:
                raise Damage(f"node {number} has {n_ops} compiled ops, and no op {max(found)}")
            node.recomputed = Recomputed(tuple(map(found.get, range(n_ops))), self._reasons.get(number))

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
        for number, kept in self._kept.items():
            nodes[number].saved = tuple(kept)
        self._take_inside()
        for node in nodes:
            finish(node.outputs, NodeOutput)
        finish(nodes, Node)
        finish(edges, Edge)
        made: tuple[Edge, ...] = tuple(edges)
        if not _is_sorted(made):
            made = tuple(sorted(made, key=lambda edge: (edge.source, edge.slot)))
        return Graph(tuple(nodes), made, self._storages)


def _maker(kind: NodeKind) -> Callable[[int], Any]:
    """What makes the drafts of all nodes of a kind."""
    outputs = [
        (one.number, one.shape, one.dtype, one.device, None, None, one.hooks, None, one.name, one.retains_grad)
        for one in kind.outputs
    ]
    head = kind[: kind._fields.index("outputs")]
    tail = (kind.saved, None, kind.is_custom, kind.backward_location, kind.arguments)

    region = kind.region

    def make(number: int) -> Any:
        made = tuple([OutputDraft(*one) for one in outputs])
        return NodeDraft(number, *head, None, made, *tail, region=region)

    return make


def _saved(kind: SavedTensor, stats: TensorStats | None, leaf: int | None) -> SavedTensor:
    """A saved tensor with what is known of it in this pass: all its elements, or statistics."""
    if stats is not None and stats.is_whole:
        draft: Any = SavedDraft(kind, leaf, stats)
        draft.__class__ = SavedTensor
        whole: SavedTensor = draft
        return whole
    return replace(kind, leaf=leaf, stats=stats)


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
