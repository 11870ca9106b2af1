"""The norms of the gradients that steps found in `.grad`."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class NormPart:
    """Parameters whose gradients are measured together.

    Attributes:
        name: of the parameter, or of the module that they are in.
        leaves: their ids.
        ranks: those over which the parameters are spread, each of which has measured its own part; empty: they are
            whole.
        copies: how many of these ranks hold the same.
    """

    name: str
    leaves: tuple[int, ...]
    ranks: tuple[int, ...] = ()
    copies: int = 1


@dataclass(frozen=True, slots=True)
class StepNorms:
    """What one step of an optimizer found; what was not measured is None.

    Attributes:
        number: which of the optimizer's steps it is, from 1.
        pass_index: the last pass before its end (0: before the first).
        total: the 2-norm of all gradients of its parameters; None if one of them could not be looked at, or if no
            parameter had one.
        before: the same before `clip_grad_norm_` scaled these gradients, as it was computed there.
        loss: the root of the last pass before the step.
        rates: the learning rate of each param group.
        change: the 2-norm of what the step changed, of some steps only.
        weights: the 2-norm of the parameters before such a step.
        parts: the 2-norm of each part of the series; None for a part without a gradient.
        is_skipped: a `GradScaler` found something not finite, and nothing moved.
        is_scaled: the loss has been multiplied by the scale of a `GradScaler`.
    """

    number: int
    pass_index: int = 0
    total: float | None = None
    before: float | None = None
    loss: float | None = None
    rates: tuple[float | None, ...] = ()
    change: float | None = None
    weights: float | None = None
    parts: tuple[float | None, ...] = ()
    is_skipped: bool = False
    is_scaled: bool = False


@dataclass(frozen=True, slots=True)
class NormSeries:
    """Steps of one optimizer, taken on the same line after passes of the same line.

    Attributes:
        optimizer: its id.
        parts: what `StepNorms.parts` are the norms of.
        by_parameter: each part is one parameter.
        steps: in order; of a very long run not all.
        location: the line of the step.
        backward: the line of the last pass before it.
    """

    optimizer: int
    parts: tuple[NormPart, ...] = ()
    by_parameter: bool = False
    steps: tuple[StepNorms, ...] = ()
    location: Location | None = None
    backward: Location | None = None
    process: int = 0
