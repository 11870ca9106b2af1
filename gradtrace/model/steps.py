"""What `step()` of an optimizer did to parameters."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location
from gradtrace.model.tensors import NestedValue, Number


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """The numbers of one param group when the step began: (`lr`, 0.1), (`betas`, (0.9, 0.999)), (`nesterov`, False)."""

    rates: tuple[tuple[str, NestedValue], ...] = ()

    def rate(self, name: str) -> NestedValue:
        """A number by its name, such as `lr` or `weight_decay`; None where the group has none."""
        return dict(self.rates).get(name)


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """What one step did to one parameter. A number is None where it could not be measured; it is never a guess.

    Attributes:
        leaf: id of the parameter.
        group: which of the groups it is in, from 0.
        before: its 2-norm before the step.
        after: its 2-norm after it.
        change: the 2-norm of the difference.
        has_gradient: whether its `.grad` was a tensor when the step began; None where nobody looked.
        gradient: the 2-norm of that `.grad`; 0 when it was all zeros. Of a step that ran passes itself (LBFGS), the
            `.grad` at its end.
        value_before: all elements before the step, if there are few.
        value_after: all elements after it.
        moments: what the optimizer keeps of it afterwards, by torch's name: norms of tensors (`exp_avg`,
            `momentum_buffer`), and single numbers as they are (`step`).
        n_moved_rows: how many rows (of a parameter of two dimensions or more) moved although their gradient was zero.
        moved_rows: the first of these rows.
        type: the class of a tensor subclass, into which nobody looked.
        value_gradient: all elements of the `.grad` that `gradient` is the norm of, if there are few.
        value_moments: all elements of those of `moments` that are tensors, if there are few.
    """

    leaf: int
    group: int = 0
    before: Number | None = None
    after: Number | None = None
    change: Number | None = None
    has_gradient: bool | None = None
    gradient: Number | None = None
    value_before: NestedValue = None
    value_after: NestedValue = None
    moments: tuple[tuple[str, Number | None], ...] = ()
    n_moved_rows: int | None = None
    moved_rows: tuple[int, ...] = ()
    type: str | None = None
    value_gradient: NestedValue = None
    value_moments: tuple[tuple[str, NestedValue], ...] = ()


@dataclass(frozen=True, slots=True)
class StepFact:
    """One step of an optimizer that used what a pass recorded in full had left in `.grad`.

    Attributes:
        number: its position among `Trace.steps`.
        pass_index: the last pass before its end (0: before the first).
        began_after: the last pass before it began: those between ran within the step, in a closure.
        optimizer: id of the optimizer.
        call: `SGD.step`.
        groups: the param groups.
        changes: its parameters that are leaves of the trace.
        n_others: how many more parameters it has.
        autocast: the dtype of autocast, when the step was taken inside it.
        scale: the scale of the loss, when a `GradScaler` stepped.
        is_skipped: whether a `GradScaler` had found an infinity, so that nothing moved; None without a scaler.
    """

    number: int
    pass_index: int
    began_after: int
    optimizer: int
    call: str
    location: Location | None = None
    groups: tuple[ParameterGroup, ...] = ()
    changes: tuple[ParameterChange, ...] = ()
    n_others: int = 0
    autocast: str | None = None
    scale: Number | None = None
    is_skipped: bool | None = None
    process: int = 0

    @property
    def own_passes(self) -> range:
        """Indices of the passes that ran within the step."""
        return range(self.began_after + 1, self.pass_index + 1)


@dataclass(frozen=True, slots=True)
class ScaleUpdate:
    """`GradScaler.update` after a step that was looked at: the scale of the loss before and after."""

    pass_index: int
    before: Number | None
    after: Number | None
    location: Location | None = None
    process: int = 0
