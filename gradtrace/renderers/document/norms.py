"""The norms of the gradients that steps found in `.grad`."""

from collections.abc import Sequence

from gradtrace.model import NormSeries as SeenSeries
from gradtrace.model import StepNorms as SeenNorms
from gradtrace.renderers.document.layout import Part, Rows, Section
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.tensors import Location, Number, location


class NormPart(Part, frozen=True, kw_only=True):
    """Parameters whose gradients are measured together.

    Attributes:
        name: of the parameter, or of the module that they are in.
        leaves: their ids.
        ranks: those over which the parameters are spread, each of which has measured its own part; empty: they are
            whole.
        copies: how many of these ranks hold the same.
    """

    name: str
    leaves: list[int]
    ranks: list[int]
    copies: int


class StepNorms(Part, frozen=True, kw_only=True, rename={"pass_index": "pass", "is_skipped": "skipped"}):
    """What one step found. What was not measured is null.

    Attributes:
        number: which of the optimizer's steps it is, from 1.
        pass_index: the last pass before its end; 0 before the first.
        total: the 2-norm of all gradients of its parameters; null if one of them could not be looked at, or if no
            parameter had one.
        before: the same before `clip_grad_norm_` scaled these gradients, or null.
        loss: the root of the last pass before the step, or null.
        rates: the learning rate of each param group.
        change: the 2-norm of what the step changed, of some steps only, else null.
        weights: the 2-norm of the parameters before such a step, else null.
        parts: the 2-norm of each part; null for a part without a gradient.
        is_skipped: a `GradScaler` found something not finite, and nothing moved.
        is_scaled: the loss has been multiplied by the scale of a `GradScaler`.
    """

    number: int
    pass_index: int
    total: Number | None
    before: Number | None
    loss: Number | None
    rates: list[Number | None]
    change: Number | None
    weights: Number | None
    parts: list[Number | None]
    is_skipped: bool
    is_scaled: bool


class NormSeries(Section, frozen=True, kw_only=True):
    """Steps of one optimizer, taken on the same line after passes of the same line.

    Attributes:
        optimizer: its id.
        parts: what `parts` of a step are the norms of.
        by_parameter: each part is one parameter.
        location: the line of the step.
        backward: the line of the last pass before it.
        process: which process of the run.
        steps: in order; of a very long run not all.
    """

    optimizer: int
    parts: list[NormPart]
    by_parameter: bool
    location: Location | None
    backward: Location | None
    process: int
    steps: Sequence[StepNorms]


def norm_series(series: SeenSeries) -> NormSeries:
    """A series as the document has it."""
    return NormSeries(
        optimizer=series.optimizer,
        parts=[
            NormPart(name=part.name, leaves=list(part.leaves), ranks=list(part.ranks), copies=part.copies)
            for part in series.parts
        ],
        by_parameter=series.by_parameter,
        location=location(series.location),
        backward=location(series.backward),
        process=series.process,
        steps=Rows(_step, series.steps),
    )


def _step(step: SeenNorms) -> StepNorms:
    return mirrored(StepNorms, step)
