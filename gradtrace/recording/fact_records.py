"""The lines of what only a diagnosis reads, and of what was counted."""

import msgspec

from gradtrace.model import (
    BystanderKind,
    CutKind,
    HolderKind,
    ModuleFactKind,
    ObservationKind,
    SharingKind,
    SwitchKind,
    VariableKind,
)
from gradtrace.recording.pass_records import StatsRow
from gradtrace.recording.record import Num, Record


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
