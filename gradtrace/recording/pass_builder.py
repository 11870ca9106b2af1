"""From the lines of one pass to a `BackwardPass`."""

from collections.abc import Sequence

from gradtrace.model import (
    INCOMPLETE,
    Accumulation,
    BackwardPass,
    Conflict,
    PassError,
    Recorded,
    Root,
    TensorStats,
    Write,
)
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.graph_builder import GraphBuilder, at
from gradtrace.recording.measured import stats
from gradtrace.recording.records import (
    AccumulationRow,
    ConflictRow,
    FlowRecord,
    PassEndRecord,
    PassRecord,
    RootRow,
    StatsRow,
)

_INCOMPLETE = PassError(INCOMPLETE, "the recording ends in the middle of this pass")


class PassBuilder:
    """Takes the lines of a pass; `build` makes the model of them when the pass is over or the file is."""

    def __init__(self, begin: PassRecord, process: int, known: Definitions) -> None:
        self.begin = begin
        self.process = process
        self.graph = GraphBuilder(known)
        self._known = known
        self._measured: list[TensorStats | None] = []
        self._accumulations: list[Accumulation] = []
        self._has_moved = False

    @property
    def has_whole_graph(self) -> bool:
        """Whether all nodes and edges have been read."""
        if self.begin.n_nodes is not None and self.begin.n_edges is not None:
            return len(self.graph.nodes) == self.begin.n_nodes and len(self.graph.edges) == self.begin.n_edges
        if self._measured or self._has_moved or self._accumulations:
            return bool(self.graph.nodes)
        return self.graph.is_joined([root.node for root in self.begin.roots])

    def take_stats(self, rows: Sequence[StatsRow]) -> None:
        """Add statistics."""
        dtypes, shared = self._known.dtypes, self._known.shared
        self._measured += [stats(row, dtypes, shared) for row in rows]

    def take_flow(self, record: FlowRecord) -> None:
        """Add what moved."""
        self._has_moved = True
        self.graph.take_flow(record, self._measured)

    def take_accumulations(self, rows: Sequence[AccumulationRow]) -> None:
        """Add what happened to leaves."""
        measured = self._measured
        self._accumulations += [
            Accumulation(
                leaf=self._known.leaves[row.leaf],
                before=at(measured, row.before),
                contribution=at(measured, row.contribution),
                after=at(measured, row.after),
                effect=row.effect,
            )
            for row in rows
        ]

    def build(self, end: PassEndRecord | None) -> BackwardPass:
        """The pass; without an `end` it is marked as incomplete. Raises `Damage`."""
        begin, known = self.begin, self._known
        graph = self.graph.build() if begin.recorded == Recorded.FULL else None
        error = _error(known, end) if end is not None or graph is None else _INCOMPLETE
        n_nodes = len(graph.nodes) if graph else 0
        if graph and error and error.node is not None and not 0 <= error.node < n_nodes:
            raise Damage(f"the error of pass {begin.index} names node {error.node} of {n_nodes}")
        return BackwardPass(
            index=begin.index,
            call=begin.call,
            location=known.places[begin.location],
            roots=tuple(_root(known, row, n_nodes) for row in begin.roots),
            retain_graph=begin.retain_graph,
            create_graph=begin.create_graph,
            recorded=begin.recorded,
            error=error,
            graph=graph,
            accumulations=tuple(self._accumulations),
            count=begin.count if end is None or end.count is None else end.count,
            parent=begin.parent,
            thread=begin.thread,
            process=self.process,
        )


def _root(known: Definitions, row: RootRow, n_nodes: int) -> Root:
    if row.node is not None and n_nodes and not 0 <= row.node < n_nodes:
        raise Damage(f"a root names node {row.node} of {n_nodes}")
    value, gradient = (stats(one, known.dtypes, known.shared) for one in (row.value, row.gradient))
    return Root(node=row.node if n_nodes else None, name=row.name, value=value, output=row.output, gradient=gradient)


def _error(known: Definitions, end: PassEndRecord | None) -> PassError | None:
    if end is None or end.error is None:
        return None
    kind, message = end.error
    conflict = None if end.conflict is None else _conflict(known, end.conflict)
    return PassError(type=kind, message=message, node=end.error_node, conflict=conflict)


def _conflict(known: Definitions, row: ConflictRow) -> Conflict:
    return Conflict(
        name=row.name,
        shape=row.shape,
        dtype=known.dtypes[row.dtype],
        saved_by=row.saved_by,
        saved_name=row.saved_name,
        expected=row.expected,
        found=row.found,
        writes=tuple(
            Write(call=write.call, location=known.places[write.location], version=write.version) for write in row.writes
        ),
    )
