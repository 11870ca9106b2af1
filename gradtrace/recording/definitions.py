"""What the lines of a process refer to, and the texts and shapes that they repeat."""

import re
from collections.abc import Hashable
from math import prod
from typing import Any

from gradtrace.model import CompiledOp, CompiledRegion, GraphBreak, Location, SavedTensor
from gradtrace.model.format import UNKNOWN_EXTENT
from gradtrace.recording.columns import Columns
from gradtrace.recording.damage import Damage
from gradtrace.recording.records import (
    ColumnsRecord,
    FlowRecord,
    GraphRecord,
    LocationRecord,
    NodeKindRecord,
    OutputRow,
    RegionRecord,
    SavedRow,
    SpecRecord,
    StateRecord,
    StepFormRecord,
)
from gradtrace.recording.tables import FlowTable, GraphTable, NodeKind, OutputKind, Spec, StateTable

_DTYPE = re.compile(r"[A-Za-z_][\w.]{0,63}", re.ASCII)
_DEVICE = re.compile(r"[A-Za-z_]\w{0,31}(?::\d{1,9})?", re.ASCII)


def _numel(shape: tuple[int, ...]) -> int:
    """How many elements a tensor has; not known where an extent is not."""
    return UNKNOWN_EXTENT if UNKNOWN_EXTENT in shape else prod(shape)


class Shared(dict[Any, Any]):
    """Gives back the first of all equal things, so that a million nodes of one type hold its name once."""

    def __missing__(self, key: Hashable) -> Any:
        self[key] = key
        return key


class _Checked(dict[Any, Any]):
    """The same for words that must be of a certain form; None, for an unknown one, is let through."""

    def __init__(self, form: re.Pattern[str], what: str) -> None:
        super().__init__({None: None})
        self._form = form
        self._what = what

    def __missing__(self, key: str) -> str:
        if not self._form.fullmatch(key):
            raise Damage(f"{key[:40]!r} is no {self._what}")
        self[key] = key
        return key


class _Defined(dict[Any, Any]):
    """What lines have defined, by number; None, where a line refers to nothing, stays None."""

    def __init__(self, what: str) -> None:
        super().__init__({None: None})
        self._what = what

    def __missing__(self, key: int) -> Any:
        raise Damage(f"there is no {self._what} {key}")


class Definitions:
    """All that a process has defined.

    Attributes:
        places: locations by id.
        leaves: ids that leaves have in the trace, by those that they have here.
        shared: texts, shapes and arguments.
        dtypes: their names, which are looked at once.
        devices: likewise.
        specs: shape, dtype and number of elements by id.
        kinds: descriptions of nodes by id.
        regions: what torch compiled, by id.
        graphs, states, flows: tables of passes by id.
        step_forms: what steps have in common, by id.
        leaf_words: name and module of the leaves, by the ids that they have in the trace.
    """

    def __init__(self) -> None:
        self.places: dict[int | None, Any] = _Defined("location")
        self.leaves: dict[int | None, Any] = _Defined("leaf")
        self.shared = Shared()
        self.dtypes = _Checked(_DTYPE, "dtype")
        self.devices = _Checked(_DEVICE, "device")
        self.specs: dict[int, Spec] = _Defined("spec")
        self.kinds: dict[int, NodeKind] = _Defined("kind of nodes")
        self.regions: dict[int | None, Any] = _Defined("compiled region")
        self.graphs: dict[int, GraphTable] = _Defined("graph")
        self.states: dict[int, StateTable] = _Defined("state")
        self.flows: dict[int, FlowTable] = _Defined("flow")
        self.step_forms: dict[int, StepFormRecord] = _Defined("step form")
        self.leaf_words: dict[int, tuple[str, str | None]] = {}

    def define(self, record: LocationRecord | SpecRecord | NodeKindRecord | RegionRecord | StepFormRecord) -> None:
        """A place, a shape with a dtype, a description of nodes, or a form of steps. Raises `Damage`."""
        match record:
            case LocationRecord():
                self.places[record.id] = Location(
                    file=record.file,
                    line=record.line,
                    column=record.column,
                    end_line=record.end_line,
                    end_column=record.end_column,
                    function=record.function,
                    text=record.text,
                    via=self.places[record.via],
                )
            case SpecRecord():
                self.specs[record.id] = Spec(self.shared[record.shape], self.dtypes[record.dtype], _numel(record.shape))
            case RegionRecord():
                self.regions[record.id] = self._region(record)
            case NodeKindRecord():
                self.kinds[record.id] = self._kind(record)
            case StepFormRecord():
                self.step_forms[record.id] = record

    def define_table(self, record: ColumnsRecord, columns: Columns) -> None:
        """Whole numbers of passes. Raises `Damage`."""
        match record:
            case GraphRecord():
                self.graphs[record.id] = GraphTable(columns, record.n_nodes, record.n_edges)
            case StateRecord():
                self.states[record.id] = StateTable(columns)
            case FlowRecord():
                self.flows[record.id] = FlowTable(columns, record.effects)

    def _kind(self, record: NodeKindRecord) -> NodeKind:
        shared, places = self.shared, self.places
        return NodeKind(
            type=shared[record.type],
            op=shared[record.op],
            name=shared[record.name],
            module=shared[record.module],
            module_type=shared[record.module_type],
            call=shared[record.call],
            location=places[record.location],
            outputs=tuple(map(self._output, record.outputs)),
            saved=tuple(map(self._saved, record.saved)),
            is_custom=record.is_custom,
            backward_location=places[record.backward_location],
            arguments=shared[record.arguments],
            inputs=tuple(map(shared.__getitem__, record.inputs)),
            region=self.regions[record.region],
        )

    def _region(self, record: RegionRecord) -> CompiledRegion:
        shared, places = self.shared, self.places
        ops = None
        if record.ops is not None:
            ops = tuple(
                CompiledOp(
                    shared[one.op],
                    None if one.shape is None else tuple(one.shape),
                    self.dtypes[one.dtype],
                    places[one.location],
                    shared[one.module],
                    one.output,
                    is_forward=one.is_forward,
                )
                for one in record.ops
            )
        breaks = tuple(GraphBreak(one.reason, places[one.location]) for one in record.breaks)
        results = tuple(record.results or ())
        if any(one is not None and not 0 <= one < len(ops or ()) for one in results):
            raise Damage(f"compiled region {record.id} names an op that it does not have")
        return CompiledRegion(record.id, record.backend, ops, breaks, results)

    def _output(self, row: OutputRow) -> OutputKind:
        shape, dtype, _ = self.specs[row.spec]
        hooks = tuple(self.places[hook] for hook in row.hooks)
        return OutputKind(
            row.index, shape, dtype, self.devices[row.device], self.shared[row.name], row.retains_grad, hooks
        )

    def _saved(self, row: SavedRow) -> SavedTensor:
        name, device = self.shared[row.name], self.devices[row.device]
        if row.spec is None:
            return SavedTensor(name, None, None, row.bytes, device, packed=True)
        shape, dtype, _ = self.specs[row.spec]
        owner = self.shared[row.owner]
        return SavedTensor(name, shape, dtype, row.bytes, device, row.shared, owner=owner, owner_kind=row.owner_kind)
