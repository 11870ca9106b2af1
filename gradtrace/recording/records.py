"""The lines of a `.gtrace` file.

A recording is lines of JSON, one object a line, each with a `t` that names its kind; behind some lines stands data. The
recorder (which may use only the standard library) writes them with `json` and `array`; this module is the schema by
which they are read and validated.

What is many stands in columns (`ColumnRow`): arrays of machine numbers, little-endian, one after another in the data
behind the line. What repeats from pass to pass is written once and referred to by number: shapes with dtypes (`spec`),
what nodes of one place in the source have in common (`node_kind`), and the whole numbers of a pass: its graph
(`graph`), what was known before it ran (`state`) and what moved (`flow`). A pass that does what one before did adds its
numbers alone (`measured`).

Order of lines for one full pass: `graph` where it is new, `pass`, `state` where it is new and `measured`, `flow` where
it is new and `measured`, `pass_end`. A definition (`location`, `leaf`, `optimizer`, `spec`, `node_kind`) stands before
its first use; a later `leaf` or `optimizer` line with the same id replaces the earlier one (a better name was found, an
optimizer took it over), and so does a later pass with the same index. A file that ends early is valid up to its last
whole line.

The last fields of every line are `bytes`, how much data stands behind it (absent: none), `n`, its number in the file
from 1, and `crc`, a checksum: CRC-32 of all bytes of the line before these fields and of the data, continued from the
checksum of the line before. So no line is lost, doubled, moved or changed unseen.

A stream is what one process writes: `header`, then the rest. A merged file has one `header`, then for each process a
`process` line and that process's lines, and at its end `status`. Ids are those of their stream; `load` renumbers them.
"""

from typing import Any

import msgspec

from gradtrace.model import (
    BystanderKind,
    CutKind,
    Effect,
    EventKind,
    HolderKind,
    LeafKind,
    ModuleFactKind,
    ObservationKind,
    PassCall,
    Recorded,
    SharingKind,
    SwitchKind,
    VariableKind,
)

Num = int | float | str
"""A number, or `"nan"`, `"inf"`, `"-inf"`."""


class Record(msgspec.Struct, frozen=True, tag_field="t"):
    """One line."""


class HeaderRecord(Record, frozen=True, tag="header"):
    """The first line of a process's stream."""

    format: str
    version: tuple[int, int]
    pid: int
    parent_pid: int
    target: str
    argv: list[str]
    python: str
    torch: str
    gradtrace: str
    device: str
    seed: int | None = None
    rank: int | None = None
    expression: str | None = None
    facts: bool = False
    level: str = ""
    world_size: int | None = None


class WorldRecord(Record, frozen=True, tag="world"):
    """The process has joined the default process group of `torch.distributed`, as this rank of so many."""

    rank: int
    size: int


class EndRecord(Record, frozen=True, tag="end"):
    """The process came to its end, and nothing ended it before."""


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
    """A shape and a dtype."""

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
    at which finite gradients ended); of two: `sent` (edge, statistics); of five: `accumulation` (leaf; statistics
    before, contribution, after, -1 for none; what that was, of `effects`).
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

    `count` is how many equal passes the two lines stand for, where more was known at the end than at the beginning.
    """

    index: int
    error: tuple[str, str] | None = None
    error_node: int | None = None
    conflict: "ConflictRow | None" = None
    count: int | None = None


class GradWriteRow(msgspec.Struct, frozen=True, array_like=True):
    """`GradWrite`; with `since` the norm before is what the ledger of that pass says that it left."""

    leaf: int
    before: Num | None
    since: int | None
    after: Num | None
    zeroed_rows: int | None = None


class EventRecord(Record, frozen=True, tag="event"):
    """`Event`; its order is that of the lines."""

    kind: EventKind
    pass_index: int
    leaves: list[int] = []
    location: int | None = None
    set_to_none: bool | None = None
    optimizer: int | None = None
    call: str = ""
    count: int = 1
    requires_grad: bool | None = None
    is_leaf: bool | None = None
    name: str | None = None
    is_assignment: bool = False
    writes: list[GradWriteRow] = []


class ParameterRow(msgspec.Struct, frozen=True, array_like=True):
    """`ParameterChange`, field by field; `moments` are (name, number), `value_moments` (name, elements)."""

    leaf: int
    group: int
    before: Num | None = None
    after: Num | None = None
    change: Num | None = None
    has_gradient: bool | None = None
    gradient: Num | None = None
    value_before: Any = None
    value_after: Any = None
    moments: list[tuple[str, Num | None]] = []
    n_moved_rows: int | None = None
    moved_rows: list[int] = []
    type: str | None = None
    value_gradient: Any = None
    value_moments: list[tuple[str, Any]] = []


class StepFormRecord(Record, frozen=True, tag="step_form"):
    """What steps have in common: the fields of `step`, with `{}` wherever a number of `step_numbers` belongs."""

    id: int
    optimizer: int
    call: str
    location: int | None = None
    groups: list[dict[str, Any]] = []
    rows: list[Any] = []
    n_others: int = 0
    autocast: str | None = None
    scale: Any = None
    is_skipped: bool | None = None


class StepNumbersRecord(ColumnsRecord, frozen=True, tag="step_numbers"):
    """A `step`: a form, and in the column `number` what stands in its places: those of `groups`, `scale`, `rows`."""

    form: int
    pass_index: int
    began_after: int


class StepRecord(Record, frozen=True, tag="step"):
    """`StepFact`; it belongs to the next `step` event of its optimizer after the same pass, unless it was skipped.

    `groups` are the numbers of each param group by name; a number may be a list of numbers. Written up to 2.3.
    """

    pass_index: int
    began_after: int
    optimizer: int
    call: str
    location: int | None = None
    groups: list[dict[str, Any]] = []
    rows: list[ParameterRow] = []
    n_others: int = 0
    autocast: str | None = None
    scale: Num | None = None
    is_skipped: bool | None = None


class NormPartRow(msgspec.Struct, frozen=True, array_like=True):
    """`NormPart`."""

    name: str
    leaves: tuple[int, ...]


class NormSeriesRecord(Record, frozen=True, tag="norm_series"):
    """`NormSeries` without its steps; `n_rates` is how many param groups they tell the learning rate of."""

    id: int
    optimizer: int
    parts: list[NormPartRow]
    by_parameter: bool
    n_rates: int
    location: int | None = None
    backward: int | None = None


class NormsRecord(ColumnsRecord, frozen=True, tag="norms"):
    """More `StepNorms` of a series.

    Columns with a number for each step: `step`, `pass`, `flags` (`StepFlag`), `total`, `before`, `loss`, `change`,
    `weights`; `rate` has as many as there are groups, `part` as many as there are parts. -1 is the norm of no gradient,
    -2 one that was not measured, -inf a rate that is no number.
    """

    series: int


class ScaleRecord(Record, frozen=True, tag="scale"):
    """`ScaleUpdate`."""

    pass_index: int
    before: Num | None
    after: Num | None
    location: int | None = None


class GradUseRecord(Record, frozen=True, tag="grad_use"):
    """`GradUse`."""

    pass_index: int
    leaves: list[int]
    location: int | None = None
    iterator: str | None = None
    again: int | None = None
    in_vain: str | None = None


class MoveRow(msgspec.Struct, frozen=True, array_like=True):
    """`Move`, without the index of the pass."""

    leaf: int
    change: Num
    along: float | None = None


class MovesRecord(Record, frozen=True, tag="moves"):
    """`Move`s that were seen when a pass began."""

    pass_index: int
    rows: list[MoveRow]


class EmptyClippingRecord(Record, frozen=True, tag="empty_clipping"):
    """`EmptyClipping`."""

    pass_index: int
    call: str
    location: int | None = None
    n_parameters: int = 0


class SwitchRow(msgspec.Struct, frozen=True):
    """`GradSwitch`."""

    kind: SwitchKind
    call: str
    location: int | None = None


class ObservationRecord(Record, frozen=True, tag="observation"):
    """`Observation`; a later line of the same kind replaces an earlier one."""

    kind: ObservationKind
    count: int
    location: int | None = None
    text: str = ""
    switch: SwitchRow | None = None


class CutRecord(Record, frozen=True, tag="cut"):
    """`Cut`; a later line with the same id replaces an earlier one; `nodes`: pass and node that took it in."""

    id: int
    kind: CutKind
    call: str
    location: int | None
    source: str | None = None
    name: str | None = None
    leaves: list[int] = []
    count: int = 1
    reentry: int | None = None
    passes: list[int] = []
    module: str | None = None
    nodes: list[tuple[int, int]] = []
    switch: SwitchRow | None = None
    is_of_leaves: bool = False


class NonFiniteRecord(Record, frozen=True, tag="non_finite"):
    """`NonFinite`; a later line with the same id replaces an earlier one."""

    id: int
    call: str
    location: int | None
    output: StatsRow
    inputs: list[StatsRow] = []
    name: str | None = None
    module: str | None = None
    before_pass: int = 0
    count: int = 1
    is_tracked: bool = True
    is_exact: bool = True
    is_given: bool = False


class ConstantTermRecord(Record, frozen=True, tag="constant_term"):
    """`ConstantTerm`; a later line with the same id replaces an earlier one."""

    id: int
    call: str
    location: int | None
    name: str | None = None
    entered: int | None = None
    passes: list[int] = []
    count: int = 0
    n_tracked: int = 0


class HolderRecord(Record, frozen=True, tag="holder"):
    """`Holder`."""

    name: str
    kind: HolderKind
    location: int | None
    n_tensors: int
    n_nodes: int
    n_passes: int
    pass_index: int
    made: int | None = None


class ModuleFactRecord(Record, frozen=True, tag="module_fact"):
    """`ModuleFact`."""

    kind: ModuleFactKind
    module: str | None
    module_type: str
    attribute: str
    count: int
    leaves: list[int] = []


class VariableRecord(Record, frozen=True, tag="variable"):
    """`Variable`."""

    name: str
    kind: VariableKind
    type: str = ""
    text: str = ""
    leaves: tuple[int, ...] = ()
    location: int | None = None


class BystanderRecord(Record, frozen=True, tag="bystander"):
    """`Bystander`; `cut` is the id of a cut."""

    name: str
    kind: BystanderKind
    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    requires_grad: bool = False
    is_leaf: bool = True
    pass_index: int = 0
    location: int | None = None
    cut: int | None = None


class LookalikeRecord(Record, frozen=True, tag="lookalike"):
    """`Lookalike`."""

    attribute: str
    value: bool
    module: str | None = None
    module_type: str | None = None
    leaves: list[int] = []
    is_stepped: bool = False
    location: int | None = None


class MovingNormRecord(Record, frozen=True, tag="moving_norm"):
    """`MovingNorm`; a later line with the same `id` replaces an earlier one."""

    id: int
    module: str | None
    module_type: str
    leaves: list[int]
    n_around: int
    count: int
    pass_index: int
    location: int | None = None
    is_frozen: bool = True


class MaskingHookRecord(Record, frozen=True, tag="masking_hook"):
    """`MaskingHook`."""

    leaf: int
    zeroed_rows: int
    pass_index: int
    location: int | None = None


class LostMaskRecord(Record, frozen=True, tag="lost_mask"):
    """`LostMask`."""

    leaf: int
    n_zeros: int
    n_back: int
    is_late: bool
    pass_index: int
    location: int | None = None


class SharingRecord(Record, frozen=True, tag="sharing"):
    """`Sharing`; `cut` is the id of a cut. A later line with the same `id` replaces an earlier one."""

    id: int
    kind: SharingKind
    call: str
    location: int | None
    made: int | None = None
    leaves: list[int] = []
    n_tensors: int = 0
    n_steps: int | None = None
    count: int = 1
    cut: int | None = None
    is_tracked: bool = False
    pass_index: int = 0


class KeptRow(msgspec.Struct, frozen=True, array_like=True):
    """`KeptResult`; the places are location ids."""

    name: str
    location: int | None = None
    made: int | None = None


class ErrorRecord(Record, frozen=True, tag="error"):
    """The exception that is ending the program; `frames` are location ids, outermost first."""

    type: str
    message: str
    frames: list[int] = []
    kept: list[KeptRow] = []


class NoteRecord(Record, frozen=True, tag="note"):
    """A sentence for the reader of the recording: what `--root` did not find, what tripped the watch."""

    text: str


class BlindRecord(Record, frozen=True, tag="blind"):
    """Something that the program did and that was not, or not wholly, looked at.

    `reason` is one of `gradtrace.model.Blind`; `text` says what it leaves out (a failure, an interpreter's path);
    `count` is how many things the line stands for, `pass_index` the last pass before them (0: before the first).
    """

    reason: str
    text: str = ""
    count: int = 1
    pass_index: int = 0
    location: int | None = None


class StatusRecord(Record, frozen=True, tag="status"):
    """Written by the parent when the program has ended."""

    status: int
    process: int = 0


class ProcessRecord(Record, frozen=True, tag="process"):
    """In a merged file: the lines that follow, up to the next of these, come from this process.

    Processes are numbered from 0. The same number again continues the process: what follows was written anew at each
    pass, and its passes replace those of the same index. `is_truncated`: its stream was not whole; `damage` says why.
    """

    process: int
    pid: int
    rank: int | None = None
    is_truncated: bool = False
    damage: str | None = None
    world_size: int | None = None


AnyRecord = (
    HeaderRecord
    | WorldRecord
    | EndRecord
    | LocationRecord
    | LeafRecord
    | OptimizerRecord
    | PassRecord
    | SpecRecord
    | NodeKindRecord
    | RegionRecord
    | GraphRecord
    | StateRecord
    | FlowRecord
    | MeasuredRecord
    | AccumulationsRecord
    | PassEndRecord
    | EventRecord
    | StepRecord
    | StepFormRecord
    | StepNumbersRecord
    | NormSeriesRecord
    | NormsRecord
    | ScaleRecord
    | GradUseRecord
    | MovesRecord
    | EmptyClippingRecord
    | ObservationRecord
    | CutRecord
    | NonFiniteRecord
    | ConstantTermRecord
    | HolderRecord
    | ModuleFactRecord
    | BystanderRecord
    | VariableRecord
    | LookalikeRecord
    | MovingNormRecord
    | SharingRecord
    | MaskingHookRecord
    | LostMaskRecord
    | ErrorRecord
    | NoteRecord
    | BlindRecord
    | StatusRecord
    | ProcessRecord
)
