"""The lines that define what others refer to, and those of passes: their graphs, and what moved in them."""

from typing import Any

import msgspec

from gradtrace.model import Effect, LeafKind, PassCall, Recorded
from gradtrace.recording.record import Num, Record


class LocationRecord(Record, frozen=True, tag="location"):
    """A place in the source, defined once; `via`: the place of a library's from which torch was called for it."""

    id: int
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str
    text: str
    via: int | None = None


class LeafRecord(Record, frozen=True, tag="leaf"):
    """A leaf, or a better description of one."""

    id: int
    name: str
    kind: LeafKind
    shape: tuple[int, ...]
    dtype: str
    device: str
    requires_grad: bool
    optimizers: list[int]
    value: Any = None
    location: int | None = None
    stored: int | None = None


class OptimizerRecord(Record, frozen=True, tag="optimizer"):
    """An optimizer."""

    id: int
    type: str
    n_params: int
    name: str | None = None
    location: int | None = None
    would_step: int | None = None


class RootRow(msgspec.Struct, frozen=True, array_like=True):
    """A root; `value` and `gradient` are complete statistics."""

    node: int | None
    name: str | None
    output: int
    value: "StatsRow | None" = None
    gradient: "StatsRow | None" = None


class StatsRow(msgspec.Struct, frozen=True, array_like=True):
    """`TensorStats`, field by field."""

    shape: tuple[int, ...]
    dtype: str
    numel: int
    norm: Num | None = None
    min: Num | None = None
    max: Num | None = None
    mean: Num | None = None
    nan: int | None = None
    inf: int | None = None
    zero: int | None = None
    value: Any = None


class PassRecord(Record, frozen=True, tag="pass"):
    """A pass begins.

    With `recorded` "ledger" nothing follows but `pass_end` and perhaps `accumulations`; with `count` > 1 it stands for
    a run of passes.
    """

    index: int
    call: PassCall
    roots: list[RootRow]
    retain_graph: bool
    create_graph: bool
    recorded: Recorded
    location: int | None = None
    parent: int | None = None
    thread: int = 0
    count: int = 1
    graph: int | None = None


class ColumnRow(msgspec.Struct, frozen=True, array_like=True):
    """A column in the data behind the line: its type is one of B, I (4 bytes), i and d."""

    name: str
    type: str
    length: int


class SpecRecord(Record, frozen=True, tag="spec"):
    """A shape and a dtype; an extent that is no number, as of a nested tensor, is -1."""

    id: int
    shape: tuple[int, ...]
    dtype: str


class OutputRow(msgspec.Struct, frozen=True, array_like=True):
    """`NodeOutput` without what is measured; `hooks` are location ids."""

    index: int
    spec: int
    device: str = "cpu"
    name: str | None = None
    retains_grad: bool = False
    hooks: list[int | None] = []


class SavedRow(msgspec.Struct, frozen=True, array_like=True):
    """`SavedTensor` without what is measured; without a spec it is packed."""

    name: str
    spec: int | None
    bytes: int
    device: str = "cpu"
    shared: bool = False
    owner: str | None = None
    owner_kind: LeafKind | None = None


class NodeKindRecord(Record, frozen=True, tag="node_kind"):
    """What nodes have in common that one line of the program made: `Node` without what is measured.

    `inputs` names the slots of its edges, `region` what torch compiled. Name and module of a leaf are the leaf's.
    """

    id: int
    type: str
    op: str
    name: str | None = None
    module: str | None = None
    module_type: str | None = None
    call: str | None = None
    location: int | None = None
    outputs: list[OutputRow] = []
    saved: list[SavedRow] = []
    is_custom: bool = False
    backward_location: int | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    inputs: list[str] = []
    region: int | None = None


class CompiledOpRow(msgspec.Struct, frozen=True, array_like=True):
    """`CompiledOp`, field by field."""

    op: str
    shape: list[int | str] | None = None
    dtype: str | None = None
    location: int | None = None
    module: str | None = None
    output: int | None = None
    is_forward: bool = False


class GraphBreakRow(msgspec.Struct, frozen=True, array_like=True):
    """`GraphBreak`, field by field."""

    reason: str
    location: int | None = None


class RegionRecord(Record, frozen=True, tag="region"):
    """`CompiledRegion`, field by field."""

    id: int
    backend: str | None = None
    ops: list[CompiledOpRow] | None = None
    breaks: list[GraphBreakRow] = []
    results: list[int | None] | None = None


class ColumnsRecord(Record, frozen=True, kw_only=True):
    """One with columns behind it."""

    columns: list[ColumnRow] = []


class GraphRecord(ColumnsRecord, frozen=True, tag="graph"):
    """A graph: `kind` of each node; of each edge, in order of source and slot, `source`, `target`, `slot`, `output`."""

    id: int
    n_nodes: int
    n_edges: int


class StateRecord(ColumnsRecord, frozen=True, tag="state"):
    """What is known before a pass runs.

    `spec` and `form` (`Form`) of its statistics, which are numbered over the pass. Rows of two: `leaf` (node, leaf),
    `made` and `freed` (node, how many passes back the node was made, up to the next row, or freed), `call` (node,
    number of its call, 0 for none; a node without a row was made by a call that made no other). Rows of three:
    `value` (node, output, statistics), `saved` (node, position, statistics), `saved_leaf` (node, position, leaf),
    `maker` (node, position, node whose output it is, where its name does not say that). `storage` has a number for each
    tensor that nodes save, in order, and `leaf_storage` for each row of `leaf`: equal ones lie in one storage; 0: none.
    """

    id: int


class FlowRecord(ColumnsRecord, frozen=True, tag="flow"):
    """What moved, and where it landed.

    `spec` and `form` as in `state`, whose numbers they continue. `order` lists nodes as the engine ran them. Rows of
    three: `received` and `arrived` (node, output, statistics), `saved` (node, position, statistics: of what a node kept
    at which finite gradients ended), `inside` (node, op of its region, statistics: recomputed); of two: `sent` (edge,
    statistics); of five: `accumulation` (leaf; statistics before, contribution, after, -1 for none; what that was, of
    `effects`).
    """

    id: int
    effects: list[Effect] = []


class MeasuredRow(msgspec.Struct, frozen=True, array_like=True):
    """`TensorStats` without shape and dtype."""

    norm: Num | None = None
    min: Num | None = None
    max: Num | None = None
    mean: Num | None = None
    nan: int | None = None
    inf: int | None = None
    zero: int | None = None
    value: Any = None


class MeasuredRecord(ColumnsRecord, frozen=True, tag="measured"):
    """The numbers of a `state` or a `flow`: the column `number`, and `rows` for those whose form says so."""

    index: int
    state: int | None = None
    flow: int | None = None
    rows: list[MeasuredRow] = []


class AccumulationRow(msgspec.Struct, frozen=True, array_like=True):
    """`Accumulation` of a pass of which nothing was measured."""

    leaf: int
    before: None
    contribution: None
    after: None
    effect: Effect


class AccumulationsRecord(Record, frozen=True, tag="accumulations"):
    """What a pass of which nothing was measured did to leaves."""

    index: int
    rows: list[AccumulationRow]


class WriteRow(msgspec.Struct, frozen=True, array_like=True):
    """`Write`, field by field."""

    call: str
    location: int | None
    version: int


class ConflictRow(msgspec.Struct, frozen=True):
    """`Conflict`."""

    name: str | None
    shape: tuple[int, ...]
    dtype: str
    saved_by: int | None
    saved_name: str
    expected: int
    found: int
    writes: list[WriteRow] = []


class PassEndRecord(Record, frozen=True, tag="pass_end"):
    """The pass is over. A full pass without one was cut short. `error` is (type, message).

    `count` is how many equal passes the two lines stand for, where more was known at the end than at the beginning;
    `last_value` the only root of the last of them, where it was read. `not_recomputed` has nodes of compiled regions in
    which something could not be recomputed, and why.
    """

    index: int
    error: tuple[str, str] | None = None
    error_node: int | None = None
    conflict: "ConflictRow | None" = None
    not_recomputed: list[tuple[int, str]] = []
    count: int | None = None
    last_value: float | None = None
