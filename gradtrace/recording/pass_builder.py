"""From the lines of one pass to a `BackwardPass`."""

import re
from collections.abc import Sequence

from gradtrace.model import (
    INCOMPLETE,
    Accumulation,
    BackwardPass,
    Conflict,
    Location,
    PassCall,
    PassError,
    Recorded,
    Root,
    TensorStats,
    Write,
)
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.graph_builder import GraphBuilder, at
from gradtrace.recording.measured import all_stats, stats
from gradtrace.recording.records import (
    AccumulationRow,
    ConflictRow,
    MeasuredRecord,
    PassEndRecord,
    PassRecord,
    RootRow,
)

_PATH = r"""([^\W\d]\w*(?:\.[^\W\d]\w*|\[(?:\d+|"[^"\]]*"|'[^'\]]*')\])+)"""
_BEFORE_CALL = re.compile(rf"{_PATH}\.backward\(")
_FIRST_ARGUMENT = re.compile(rf"[\w.]*\b(?:grad|backward)\(\s*(?:outputs=|tensors=)?{_PATH}\s*[,)]")
_ROOTS = {
    PassCall.TENSOR_BACKWARD: _BEFORE_CALL,
    PassCall.AUTOGRAD_BACKWARD: _FIRST_ARGUMENT,
    PassCall.AUTOGRAD_GRAD: _FIRST_ARGUMENT,
}
"""Where the line of a call writes the tensor at which the pass starts."""
_INCOMPLETE = PassError(INCOMPLETE, "the recording ends in the middle of this pass")


class PassBuilder:
    """Takes the lines of a pass; `build` makes the model of them when the pass is over or the file is."""

    def __init__(self, begin: PassRecord, process: int, known: Definitions) -> None:
        self.begin = begin
        self.process = process
        self._known = known
        self._measured: list[TensorStats] = []
        self._accumulations: list[Accumulation] = []
        self._graph: GraphBuilder | None = None
        if begin.recorded == Recorded.FULL:
            if begin.graph is None:
                raise Damage(f"pass {begin.index} was recorded in full, and names no graph")
            self._graph = GraphBuilder(known, known.graphs[begin.graph], begin.index)

    def take_measured(self, record: MeasuredRecord, numbers: Sequence[float]) -> None:
        """Add the numbers of a table of the pass."""
        known, graph = self._known, self._graph
        if graph is None or (record.state is None) == (record.flow is None):
            raise Damage(f"pass {record.index} has no such numbers")
        state = None if record.state is None else known.states[record.state]
        flow = None if record.flow is None else known.flows[record.flow]
        table = state or flow
        if table is None:
            raise Damage(f"pass {record.index} has no such numbers")
        specs = list(map(known.specs.__getitem__, table.specs))
        self._measured += all_stats(specs, table.forms, numbers, record.rows)
        if state is not None:
            graph.take_state(state, self._measured)
        if flow is not None:
            graph.take_flow(flow, self._measured)
            self._accumulations += [
                Accumulation(known.leaves[leaf], self._at(before), self._at(contribution), self._at(after), effect)
                for leaf, before, contribution, after, effect in flow.accumulations
            ]

    def _at(self, number: int) -> TensorStats | None:
        return None if number == -1 else at(self._measured, number)

    def take_accumulations(self, rows: Sequence[AccumulationRow]) -> None:
        """Add what a pass of which nothing was measured did to leaves."""
        self._accumulations += [
            Accumulation(self._known.leaves[row.leaf], None, None, None, row.effect) for row in rows
        ]

    def build(self, end: PassEndRecord | None) -> BackwardPass:
        """The pass; without an `end` it is marked as incomplete. Raises `Damage`."""
        begin, known = self.begin, self._known
        if self._graph is not None and end is not None:
            self._graph.take_reasons(end.not_recomputed)
        place = known.places[begin.location]
        name = _written(place, begin.call) if len(begin.roots) == 1 else None
        graph = None if self._graph is None else self._graph.build()
        error = _error(known, end) if end is not None or graph is None else _INCOMPLETE
        n_nodes = len(graph.nodes) if graph else 0
        if graph and error and error.node is not None and not 0 <= error.node < n_nodes:
            raise Damage(f"the error of pass {begin.index} names node {error.node} of {n_nodes}")
        return BackwardPass(
            index=begin.index,
            call=begin.call,
            location=place,
            roots=tuple(_root(known, row, n_nodes, name) for row in begin.roots),
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
            last_value=None if end is None else end.last_value,
        )


def _written(place: Location | None, call: PassCall) -> str | None:
    """How the line writes the root, where that is a path from a variable: `out.loss` of `out.loss.backward()`.

    A line that has a library start the pass may say `.backward` of anything.
    """
    pattern = _ROOTS.get(call)
    if place is None or place.via is not None or pattern is None:
        return None
    found = pattern.match(place.text, max(0, place.column - 1))
    return found[1] if found and not found[1].startswith("torch.") else None


def _root(known: Definitions, row: RootRow, n_nodes: int, name: str | None) -> Root:
    if row.node is not None and n_nodes and not 0 <= row.node < n_nodes:
        raise Damage(f"a root names node {row.node} of {n_nodes}")
    value, gradient = (stats(one, known.dtypes, known.shared) for one in (row.value, row.gradient))
    node = row.node if n_nodes else None
    return Root(node=node, name=row.name or name, value=value, output=row.output, gradient=gradient)


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
