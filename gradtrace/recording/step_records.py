"""The lines of what happens between passes: events, and what optimizer steps did and found."""

from typing import Any

import msgspec

from gradtrace.model import EventKind
from gradtrace.recording.pass_records import ColumnsRecord
from gradtrace.recording.record import Num, Record


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
    """`NormPart`; `mesh` is the position of its ranks in `meshes`."""

    name: str
    leaves: tuple[int, ...]
    mesh: int | None = None
    copies: int = 1


class NormSeriesRecord(Record, frozen=True, tag="norm_series"):
    """`NormSeries` without its steps; `n_rates` is how many param groups they tell the learning rate of."""

    id: int
    optimizer: int
    parts: list[NormPartRow]
    by_parameter: bool
    n_rates: int
    location: int | None = None
    backward: int | None = None
    meshes: list[tuple[int, ...]] = []


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
