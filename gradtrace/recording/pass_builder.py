"""From the lines of one pass to a `BackwardPass`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradtrace.model import (
    INCOMPLETE,
    Accumulation,
    BackwardPass,
    Conflict,
    Edge,
    Graph,
    Location,
    Node,
    NodeOutput,
    PassError,
    Recorded,
    Root,
    SavedTensor,
    TensorStats,
    Write,
)
from gradtrace.recording.damage import Damage
from gradtrace.recording.measured import stats, value
from gradtrace.recording.records import (
    AccumulationRow,
    ConflictRow,
    EdgeRow,
    FlowRecord,
    NodeRow,
    OutputRow,
    PassEndRecord,
    PassRecord,
    RootRow,
    SavedRow,
    StatsRow,
)

_INCOMPLETE = PassError(INCOMPLETE, "the recording ends in the middle of this pass")


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the lines of a process refer to: places by id, and leaves by the id that they have in the trace."""

    locations: Mapping[int, Location]
    leaves: Mapping[int, int]

    def place(self, number: int) -> Location:
        """The place with this id."""
        try:
            return self.locations[number]
        except KeyError:
            raise Damage(f"there is no location {number}") from None

    def location(self, number: int | None) -> Location | None:
        """The place with this id, where one is known."""
        return None if number is None else self.place(number)

    def leaf(self, number: int) -> int:
        """The leaf's id in the trace."""
        try:
            return self.leaves[number]
        except KeyError:
            raise Damage(f"there is no leaf {number}") from None


@dataclass(slots=True)
class PassBuilder:
    """Collects the lines of a pass; `build` makes the model of them when the pass is over or the file is."""

    begin: PassRecord
    process: int
    nodes: list[NodeRow] = field(default_factory=list)
    edges: list[EdgeRow] = field(default_factory=list)
    stats: list[StatsRow] = field(default_factory=list)
    flow: list[FlowRecord] = field(default_factory=list)
    accumulations: list[AccumulationRow] = field(default_factory=list)

    @property
    def has_whole_graph(self) -> bool:
        """Whether all nodes and edges have been read."""
        if self.begin.n_nodes is not None and self.begin.n_edges is not None:
            return len(self.nodes) == self.begin.n_nodes and len(self.edges) == self.begin.n_edges
        if self.stats or self.flow or self.accumulations:
            return bool(self.nodes)
        reached = {edge.target for edge in self.edges} | {root.node for root in self.begin.roots}
        return bool(self.edges) and all(node.id in reached for node in self.nodes)

    def build(self, known: Definitions, end: PassEndRecord | None) -> BackwardPass:
        """The pass; without an `end` it is marked as incomplete. Raises `Damage`."""
        begin, measured = self.begin, [stats(row) for row in self.stats]
        graph = None
        if begin.recorded == Recorded.FULL:
            graph = _GraphBuilder(known, measured, self.nodes, self.edges).build(self.flow)
        error = _error(known, end) if end is not None or graph is None else _INCOMPLETE
        n_nodes = len(graph.nodes) if graph else 0
        if graph and error and error.node is not None and not 0 <= error.node < n_nodes:
            raise Damage(f"the error of pass {begin.index} names node {error.node} of {n_nodes}")
        return BackwardPass(
            index=begin.index,
            call=begin.call,
            location=known.location(begin.location),
            roots=tuple(_root(row, n_nodes) for row in begin.roots),
            retain_graph=begin.retain_graph,
            create_graph=begin.create_graph,
            recorded=begin.recorded,
            error=error,
            graph=graph,
            accumulations=tuple(
                Accumulation(
                    leaf=known.leaf(row.leaf),
                    before=_at(measured, row.before),
                    contribution=_at(measured, row.contribution),
                    after=_at(measured, row.after),
                    effect=row.effect,
                )
                for row in self.accumulations
            ),
            count=begin.count,
            parent=begin.parent,
            thread=begin.thread,
            process=self.process,
        )


class _GraphBuilder:
    """From rows to a `Graph`."""

    def __init__(
        self, known: Definitions, measured: Sequence[TensorStats | None], nodes: list[NodeRow], edges: list[EdgeRow]
    ) -> None:
        self._known = known
        self._measured = measured
        self._nodes = nodes
        self._edges = edges

    def build(self, flow: Sequence[FlowRecord]) -> Graph:
        order: dict[int, int] = {}
        received: dict[int, dict[int, int]] = {}
        arrived: dict[int, dict[int, int]] = {}
        sent: dict[int, int] = {}
        for record in flow:
            for node in record.order:
                order[node] = len(order)
            for node, output, number in record.received:
                received.setdefault(node, {})[output] = number
            for node, output, number in record.arrived:
                arrived.setdefault(node, {})[output] = number
            sent.update(record.sent)
        _check_ids((order, received, arrived), len(self._nodes), "node")
        _check_ids((sent,), len(self._edges), "edge")
        nodes = tuple(
            self._node(i, row, order.get(i), received.get(i, {}), arrived.get(i, {}))
            for i, row in enumerate(self._nodes)
        )
        edges = tuple(self._edge(row, sent.get(i)) for i, row in enumerate(self._edges))
        return Graph(nodes, _sorted(edges))

    def _node(
        self, position: int, row: NodeRow, order: int | None, received: dict[int, int], arrived: dict[int, int]
    ) -> Node:
        if row.id != position:
            raise Damage(f"node {row.id} stands where node {position} is expected")
        outputs = tuple(
            self._output(output, received.get(output.index), arrived.get(output.index)) for output in row.outputs
        )
        missing = received.keys() - {output.index for output in row.outputs}
        if missing:
            outputs = self._with(outputs, sorted(missing), received, arrived)
        return Node(
            id=row.id,
            type=row.type,
            op=row.op,
            name=row.name,
            module=row.module,
            module_type=row.module_type,
            call=row.call,
            location=self._known.location(row.location),
            leaf=None if row.leaf is None else self._known.leaf(row.leaf),
            outputs=outputs,
            saved=tuple(map(self._saved, row.saved)),
            order=order,
            is_custom=row.is_custom,
            backward_location=self._known.location(row.backward_location),
            arguments=tuple(row.arguments),
            made_after=row.made_after,
            freed_by=row.freed_by,
        )

    def _with(
        self, outputs: tuple[NodeOutput, ...], missing: list[int], received: dict[int, int], arrived: dict[int, int]
    ) -> tuple[NodeOutput, ...]:
        """Add outputs that the walk knew nothing of, but at which something arrived."""
        added = []
        for index in missing:
            what = _at(self._measured, received[index])
            if what is not None:
                before_hooks = _at(self._measured, arrived.get(index))
                added.append(NodeOutput(index, what.shape, what.dtype, received=what, arrived=before_hooks))
        return tuple(sorted((*outputs, *added), key=lambda output: output.index))

    def _output(self, row: OutputRow, received: int | None, arrived: int | None) -> NodeOutput:
        return NodeOutput(
            index=row.index,
            shape=tuple(row.shape),
            dtype=row.dtype,
            device=row.device,
            received=_at(self._measured, received),
            arrived=_at(self._measured, arrived),
            hooks=tuple(map(self._known.place, row.hooks)),
            value=stats(row.value),
            name=row.name,
            retains_grad=row.retains_grad,
        )

    def _saved(self, row: SavedRow) -> SavedTensor:
        return SavedTensor(
            name=row.name,
            shape=None if row.shape is None else tuple(row.shape),
            dtype=row.dtype,
            bytes=row.bytes,
            device=row.device,
            shared=row.shared,
            leaf=None if row.leaf is None else self._known.leaf(row.leaf),
            packed=row.packed,
            value=value(row.value),
            stats=stats(row.stats),
        )

    def _edge(self, row: EdgeRow, sent: int | None) -> Edge:
        n_nodes = len(self._nodes)
        if not (0 <= row.source < n_nodes and 0 <= row.target < n_nodes):
            raise Damage(f"an edge goes from node {row.source} to node {row.target}, of {n_nodes} nodes")
        return Edge(
            source=row.source,
            target=row.target,
            slot=row.slot,
            output=row.output,
            input=row.input,
            sent=_at(self._measured, sent),
        )


def _at(measured: Sequence[TensorStats | None], number: int | None) -> TensorStats | None:
    if number is None:
        return None
    if not 0 <= number < len(measured):
        raise Damage(f"there are no statistics {number}")
    return measured[number]


def _check_ids(tables: Sequence[Mapping[int, object]], n_known: int, what: str) -> None:
    for table in tables:
        for key in table:
            if not 0 <= key < n_known:
                raise Damage(f"there is no {what} {key}")


def _sorted(edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    return tuple(sorted(edges, key=lambda edge: (edge.source, edge.slot)))


def _root(row: RootRow, n_nodes: int) -> Root:
    if row.node is not None and n_nodes and not 0 <= row.node < n_nodes:
        raise Damage(f"a root names node {row.node} of {n_nodes}")
    return Root(
        node=row.node if n_nodes else None,
        name=row.name,
        value=stats(row.value),
        output=row.output,
        gradient=stats(row.gradient),
    )


def _error(known: Definitions, end: PassEndRecord | None) -> PassError | None:
    if end is None or end.error is None:
        return None
    kind, message = end.error
    conflict = None if end.conflict is None else _conflict(known, end.conflict)
    return PassError(type=kind, message=message, node=end.error_node, conflict=conflict)


def _conflict(known: Definitions, row: ConflictRow) -> Conflict:
    return Conflict(
        name=row.name,
        shape=tuple(row.shape),
        dtype=row.dtype,
        saved_by=row.saved_by,
        saved_name=row.saved_name,
        expected=row.expected,
        found=row.found,
        writes=tuple(
            Write(call=write.call, location=known.location(write.location), version=write.version)
            for write in row.writes
        ),
    )
