"""What happened between passes: events, and what steps of optimizers did."""

from msgspec import UNSET, UnsetType

from gradtrace.model import Event as SeenEvent
from gradtrace.model import EventKind, StepFact
from gradtrace.model import ParameterChange as SeenChange
from gradtrace.renderers.document.layout import Part
from gradtrace.renderers.document.tensors import Location, Number, Values, location
from gradtrace.text.strict_json import number, values


class GradWrite(Part, frozen=True, kw_only=True):
    """What a write did to the `.grad` of a leaf.

    Attributes:
        leaf: id of the leaf.
        before: the 2-norm before the write, or null.
        after: the 2-norm after it, or null.
        zeroed_rows: how many rows became all zeros; absent where nobody counted.
    """

    leaf: int
    before: Number | None
    after: Number | None
    zeroed_rows: int | UnsetType = UNSET


class Event(Part, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """One thing that happened to the run. Keys that may be absent are those of some kinds only.

    Attributes:
        order: its position among the events, from 0.
        kind: what happened.
        pass_index: the pass that it is, or the last one before it; 0 before the first.
        leaves: ids of the leaves concerned.
        location: where.
        set_to_none: `.grad` was set to None (true) or to zeros (false); null where neither applies.
        optimizer: id of the optimizer, or null.
        call: what did it, in words for people; empty when not seen.
        count: how many times in a row it happened.
        process: which process of the run.
        requires_grad: what the program set it to; of `requires_grad`.
        is_leaf: whether the tensor whose `.grad` was None is a leaf; of `grad_read`.
        name: the variable that stands for the `.grad` already; of `grad_alias`.
        is_assignment: a statement of the program assigned to `.grad`; present where that is so.
        step: position in `steps` of what it did; of a `step` that was looked at.
        writes: what was written to the `.grad` of each leaf; of a `grad_modified` near passes recorded in full.
    """

    order: int
    kind: EventKind
    pass_index: int
    leaves: tuple[int, ...]
    location: Location | None
    set_to_none: bool | None
    optimizer: int | None
    call: str
    count: int
    process: int
    requires_grad: bool | UnsetType = UNSET
    is_leaf: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    is_assignment: bool | UnsetType = UNSET
    step: int | UnsetType = UNSET
    writes: list[GradWrite] | UnsetType = UNSET


class ParameterChange(Part, frozen=True, kw_only=True):
    """What a step did to a parameter. What could not be measured is null.

    Attributes:
        leaf: id of the parameter.
        group: its param group, from 0.
        before: its 2-norm before the step.
        after: its 2-norm after it.
        change: the 2-norm of the difference.
        has_gradient: whether its `.grad` was a tensor when the step began; null where nobody looked.
        gradient: the 2-norm of that `.grad`.
        value_before: all elements before the step, where there are at most 16.
        value_after: all elements after it.
        moments: what the optimizer keeps of it, by torch's name: 2-norms of tensors, single numbers as they are.
        moved_rows: how many rows moved although their gradient was zero, or null.
        first_moved_rows: the first of these rows.
        type: the class of a tensor that nobody looked into, or null.
        value_gradient: all elements of that `.grad`, where there are at most 16.
        value_moments: all elements of those of `moments` that are tensors, where there are at most 16.
    """

    leaf: int
    group: int
    before: Number | None
    after: Number | None
    change: Number | None
    has_gradient: bool | None
    gradient: Number | None
    value_before: Values | None
    value_after: Values | None
    moments: dict[str, Values | None]
    moved_rows: int | None
    first_moved_rows: tuple[int, ...]
    type: str | None
    value_gradient: Values | None
    value_moments: dict[str, Values | None]


class Step(Part, frozen=True, kw_only=True, rename={"pass_index": "pass", "is_skipped": "skipped"}):
    """What `step()` did, where it used gradients of a pass recorded in full and values were measured.

    Attributes:
        pass_index: the last pass before its end.
        optimizer: id of the optimizer.
        call: `SGD.step`.
        location: where.
        passes: the passes whose gradients it used.
        own_passes: the passes that ran within it (LBFGS).
        groups: the numbers of each param group, by name, such as `lr`.
        parameters: what it did to parameters that are leaves of the trace.
        others: how many more parameters it has.
        autocast: the dtype of autocast around it, or null.
        scale: the scale of the loss, when a `GradScaler` stepped, else null.
        is_skipped: the scaler had found an infinity, so that nothing moved; null without one.
        process: which process of the run.
    """

    pass_index: int
    optimizer: int
    call: str
    location: Location | None
    passes: tuple[int, ...]
    own_passes: list[int]
    groups: list[dict[str, Values | None]]
    parameters: list[ParameterChange]
    others: int
    autocast: str | None
    scale: Number | None
    is_skipped: bool | None
    process: int


class ScaleUpdate(Part, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """`GradScaler.update` after a step.

    Attributes:
        pass_index: the last pass before it.
        before: the scale of the loss before it.
        after: the scale after it.
        location: where.
        process: which process of the run.
    """

    pass_index: int
    before: Number | None
    after: Number | None
    location: Location | None
    process: int


def event(one: SeenEvent) -> Event:
    """An event of a trace."""
    return Event(
        order=one.order,
        kind=one.kind,
        pass_index=one.pass_index,
        leaves=one.leaves,
        location=location(one.location),
        set_to_none=one.set_to_none,
        optimizer=one.optimizer,
        call=one.call,
        count=one.count,
        process=one.process,
        requires_grad=UNSET if one.requires_grad is None else one.requires_grad,
        is_leaf=UNSET if one.is_leaf is None else one.is_leaf,
        name=UNSET if one.name is None else one.name,
        is_assignment=one.is_assignment or UNSET,
        step=UNSET if one.step is None else one.step.number,
        writes=[
            GradWrite(
                leaf=each.leaf,
                before=number(each.before),
                after=number(each.after),
                zeroed_rows=UNSET if each.zeroed_rows is None else each.zeroed_rows,
            )
            for each in one.writes
        ]
        or UNSET,
    )


def step(one: StepFact, passes: tuple[int, ...]) -> Step:
    """A step of a trace, with the passes whose gradients it used."""
    return Step(
        pass_index=one.pass_index,
        optimizer=one.optimizer,
        call=one.call,
        location=location(one.location),
        passes=passes,
        own_passes=list(one.own_passes),
        groups=[{name: values(rate) for name, rate in group.rates} for group in one.groups],
        parameters=[_change(each) for each in one.changes],
        others=one.n_others,
        autocast=one.autocast,
        scale=number(one.scale),
        is_skipped=one.is_skipped,
        process=one.process,
    )


def _change(one: SeenChange) -> ParameterChange:
    return ParameterChange(
        leaf=one.leaf,
        group=one.group,
        before=number(one.before),
        after=number(one.after),
        change=number(one.change),
        has_gradient=one.has_gradient,
        gradient=number(one.gradient),
        value_before=values(one.value_before),
        value_after=values(one.value_after),
        moments={name: number(moment) for name, moment in one.moments},
        moved_rows=one.n_moved_rows,
        first_moved_rows=one.moved_rows,
        type=one.type,
        value_gradient=values(one.value_gradient),
        value_moments={name: values(moment) for name, moment in one.value_moments},
    )
