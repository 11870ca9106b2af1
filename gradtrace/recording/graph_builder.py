"""From the tables of one pass to a `Graph`.

Each line is turned into drafts of the model at once and let go, so that a graph of a million nodes is never held twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gradtrace.model import Edge, Graph, Node, NodeOutput, SavedTensor, TensorStats
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.drafts import EdgeDraft, NodeDraft, OutputDraft, SavedDraft, finish
from gradtrace.recording.measured import stats, value
from gradtrace.recording.records import EdgeRow, FlowRecord, NodeRow, OutputRow, SavedRow


class GraphBuilder:
    """Takes rows in the order of the file; every method raises `Damage` when they contradict one another."""

    def __init__(self, known: Definitions) -> None:
        self.nodes: list[Any] = []
        self.edges: list[Any] = []
        self._known = known
        self._n_ran = 0

    def take_nodes(self, rows: Sequence[NodeRow]) -> None:
        """Add nodes."""
        nodes, shared = self.nodes, self._known.shared
        places, leaves, output, saved = self._known.places, self._known.leaves, self._output, self._saved
        for row in rows:
            if row.id != len(nodes):
                raise Damage(f"node {row.id} stands where node {len(nodes)} is expected")
            nodes.append(
                NodeDraft(
                    row.id,
                    shared[row.type],
                    shared[row.op],
                    shared[row.name],
                    shared[row.module],
                    shared[row.module_type],
                    shared[row.call],
                    places[row.location],
                    leaves[row.leaf],
                    tuple([output(one) for one in row.outputs]),
                    tuple([saved(one) for one in row.saved]) if row.saved else (),
                    None,
                    row.is_custom,
                    places[row.backward_location],
                    shared[row.arguments],
                    row.made_after,
                    row.freed_by,
                )
            )

    def _output(self, row: OutputRow) -> Any:
        known = self._known
        return OutputDraft(
            row.index,
            known.shared[row.shape],
            known.dtypes[row.dtype],
            known.devices[row.device],
            None,
            None,
            tuple([known.places[hook] for hook in row.hooks]) if row.hooks else (),
            None if row.value is None else stats(row.value, known.dtypes, known.shared),
            known.shared[row.name],
            row.retains_grad,
        )

    def _saved(self, row: SavedRow) -> SavedTensor:
        known = self._known
        repeats = row.value is None and row.stats is None  # equal numbers need not be the same: 1 and 1.0, 0.0 and -0.0
        if repeats and row in known.saved:
            return known.saved[row]
        draft = SavedDraft(
            known.shared[row.name],
            known.shared[row.shape],
            known.dtypes[row.dtype],
            row.bytes,
            known.devices[row.device],
            row.shared,
            known.leaves[row.leaf],
            row.packed,
            value(row.value),
            stats(row.stats, known.dtypes, known.shared),
        )
        finish((draft,), SavedTensor)
        saved: SavedTensor = draft
        if repeats:
            known.saved[row] = saved
        return saved

    def take_edges(self, rows: Sequence[EdgeRow]) -> None:
        """Add edges."""
        shared = self._known.shared
        self.edges += [EdgeDraft(row.source, row.target, row.slot, row.output, shared[row.input]) for row in rows]

    def take_flow(self, record: FlowRecord, measured: Sequence[TensorStats | None]) -> None:
        """Add the order of execution, and the statistics of what moved."""
        nodes, edges = self.nodes, self.edges
        for number in record.order:
            if not 0 <= number < len(nodes):
                raise Damage(f"there is no node {number}")
            nodes[number].order = self._n_ran
            self._n_ran += 1
        for number, index, row in record.received:
            self._receive(number, index, at(measured, row))
        for number, index, row in record.arrived:
            output = self._find(number, index)
            if output is not None:
                output.arrived = at(measured, row)
        for number, row in record.sent:
            if not 0 <= number < len(edges):
                raise Damage(f"there is no edge {number}")
            edges[number].sent = at(measured, row)

        for number, name, saved_row in record.saved:
            self._measure_saved(number, name, stats(saved_row, self._known.dtypes, self._known.shared))

    def _measure_saved(self, number: int, name: str, what: TensorStats | None) -> None:
        if not 0 <= number < len(self.nodes):
            raise Damage(f"there is no node {number}")
        node = self.nodes[number]
        node.saved = tuple(replace(one, stats=what) if one.name == name else one for one in node.saved)

    def _find(self, number: int, index: int) -> Any:
        if not 0 <= number < len(self.nodes):
            raise Damage(f"there is no node {number}")
        for output in self.nodes[number].outputs:
            if output.index == index:
                return output
        return None

    def _receive(self, number: int, index: int, what: TensorStats | None) -> None:
        """A gradient arrived at an output; of some the walk knew nothing, and they are added."""
        output = self._find(number, index)
        if output is not None:
            output.received = what
        elif what is not None:
            added = OutputDraft(index, what.shape, what.dtype, received=what)
            node = self.nodes[number]
            node.outputs = tuple(sorted((*node.outputs, added), key=lambda output: output.index))

    def is_joined(self, roots: Sequence[int | None]) -> bool:
        """Whether every node is a root or fed by another."""
        reached = {edge.target for edge in self.edges} | {*roots}
        return bool(self.edges) and all(node.id in reached for node in self.nodes)

    def build(self) -> Graph:
        """The graph; nothing can be added to it."""
        nodes, edges = self.nodes, self.edges
        n_nodes, before, is_sorted = len(nodes), (-1, -1), True
        for edge in edges:
            source, target = edge.source, edge.target
            if not (0 <= source < n_nodes and 0 <= target < n_nodes):
                raise Damage(f"an edge goes from node {source} to node {target}, of {n_nodes} nodes")
            edge.source, edge.target = nodes[source].id, nodes[target].id  # the same number is held once
            here = (source, edge.slot)
            is_sorted = is_sorted and before <= here
            before = here
        if not is_sorted:
            edges.sort(key=lambda edge: (edge.source, edge.slot))
        for node in nodes:
            finish(node.outputs, NodeOutput)
        finish(nodes, Node)
        finish(edges, Edge)
        return Graph(tuple(nodes), tuple(edges))


def at(measured: Sequence[TensorStats | None], number: int | None) -> TensorStats | None:
    """The statistics with this number. Raises `Damage`."""
    if number is None:
        return None
    if not 0 <= number < len(measured):
        raise Damage(f"there are no statistics {number}")
    return measured[number]
