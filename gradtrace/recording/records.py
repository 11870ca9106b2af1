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

from gradtrace.recording.fact_records import (
    BystanderRecord,
    ConstantTermRecord,
    CutRecord,
    EmptyClippingRecord,
    GradUseRecord,
    HolderRecord,
    LookalikeRecord,
    LostMaskRecord,
    MaskingHookRecord,
    ModuleFactRecord,
    MoveRow,
    MovesRecord,
    MovingNormRecord,
    NonFiniteRecord,
    ObservationRecord,
    SharingRecord,
    SwitchRow,
    VariableRecord,
)
from gradtrace.recording.pass_records import (
    AccumulationRow,
    AccumulationsRecord,
    ColumnRow,
    ColumnsRecord,
    CompiledOpRow,
    ConflictRow,
    FlowRecord,
    GraphBreakRow,
    GraphRecord,
    LeafRecord,
    LocationRecord,
    MeasuredRecord,
    MeasuredRow,
    NodeKindRecord,
    OptimizerRecord,
    OutputRow,
    PassEndRecord,
    PassRecord,
    RegionRecord,
    RootRow,
    SavedRow,
    SpecRecord,
    StateRecord,
    StatsRow,
    WriteRow,
)
from gradtrace.recording.record import (
    Num,
    Record,
)
from gradtrace.recording.run_records import (
    BlindRecord,
    EndRecord,
    ErrorRecord,
    HeaderRecord,
    KeptRow,
    NoteRecord,
    ProcessRecord,
    StatusRecord,
    WorldRecord,
)
from gradtrace.recording.step_records import (
    EventRecord,
    GradWriteRow,
    NormPartRow,
    NormSeriesRecord,
    NormsRecord,
    ParameterRow,
    ScaleRecord,
    StepFormRecord,
    StepNumbersRecord,
    StepRecord,
)

__all__ = [
    "AccumulationRow",
    "AccumulationsRecord",
    "AnyRecord",
    "BlindRecord",
    "BystanderRecord",
    "ColumnRow",
    "ColumnsRecord",
    "CompiledOpRow",
    "ConflictRow",
    "ConstantTermRecord",
    "CutRecord",
    "EmptyClippingRecord",
    "EndRecord",
    "ErrorRecord",
    "EventRecord",
    "FlowRecord",
    "GradUseRecord",
    "GradWriteRow",
    "GraphBreakRow",
    "GraphRecord",
    "HeaderRecord",
    "HolderRecord",
    "KeptRow",
    "LeafRecord",
    "LocationRecord",
    "LookalikeRecord",
    "LostMaskRecord",
    "MaskingHookRecord",
    "MeasuredRecord",
    "MeasuredRow",
    "ModuleFactRecord",
    "MoveRow",
    "MovesRecord",
    "MovingNormRecord",
    "NodeKindRecord",
    "NonFiniteRecord",
    "NormPartRow",
    "NormSeriesRecord",
    "NormsRecord",
    "NoteRecord",
    "Num",
    "ObservationRecord",
    "OptimizerRecord",
    "OutputRow",
    "ParameterRow",
    "PassEndRecord",
    "PassRecord",
    "ProcessRecord",
    "Record",
    "RegionRecord",
    "RootRow",
    "SavedRow",
    "ScaleRecord",
    "SharingRecord",
    "SpecRecord",
    "StateRecord",
    "StatsRow",
    "StatusRecord",
    "StepFormRecord",
    "StepNumbersRecord",
    "StepRecord",
    "SwitchRow",
    "VariableRecord",
    "WorldRecord",
    "WriteRow",
]

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
