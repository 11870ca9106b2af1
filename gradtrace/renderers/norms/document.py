"""The norms of steps, for programs: JSON, and CSV with one line a step."""

import csv
import io
from collections.abc import Sequence
from typing import Literal

from gradtrace.analysis.step_norms import History, Step, non_finite, spikes
from gradtrace.model import Trace
from gradtrace.renderers.document.layout import Part, Rows, Section, pieces
from gradtrace.renderers.document.tensors import Location, location
from gradtrace.renderers.document.tensors import Number as Shown
from gradtrace.text.escape import spreadsheet_cell
from gradtrace.text.strict_json import number
from gradtrace.text.wording import location as short

FORMAT_VERSION = (1, 2)
"""History: 1.0 the first; 1.1 `rank` of optimizers; 1.2 `shards` and `missing_shards`."""


class MeasuredStep(Part, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """One step of an optimizer. What was not measured is null.

    Attributes:
        step: which of the optimizer's steps it is, from 1.
        pass_index: the last pass before its end; 0 before the first.
        total: the 2-norm of all gradients of its parameters, as `step()` found them.
        before_clipping: the same before `clip_grad_norm_` scaled these gradients, or null.
        loss: the root of the last pass before the step.
        scaled: a `GradScaler` has multiplied the loss.
        skipped: a `GradScaler` found something not finite, and nothing moved.
        learning_rates: that of each param group.
        update: the 2-norm of what the step changed, of some steps only.
        weights: the 2-norm of the parameters before such a step.
        ratio: update divided by weights.
        parts: the 2-norm of the gradients of each part; null for a part without one.
        place: which of the `places` it stands at.
    """

    step: int
    pass_index: int
    total: Shown | None
    before_clipping: Shown | None
    loss: Shown | None
    scaled: bool
    skipped: bool
    learning_rates: list[Shown | None]
    update: Shown | None
    weights: Shown | None
    ratio: Shown | None
    parts: list[Shown | None]
    place: int


class StepPlace(Part, frozen=True, kw_only=True):
    """Where steps are taken.

    Attributes:
        step: the line that calls `step()`, or null.
        backward: the line of the last pass before it, or null.
    """

    step: Location | None
    backward: Location | None


class Spike(Part, frozen=True, kw_only=True):
    """A step whose norm is many times what it was before.

    Attributes:
        step: its number.
        times: by how much its norm, before clipping, is more than the median of those before it.
        n_before: how many steps that median is of.
    """

    step: int
    times: Shown
    n_before: int


class SteppedOptimizer(Section, frozen=True, kw_only=True):
    """The steps of one optimizer.

    Attributes:
        name: what the program calls it, or null.
        type: its class.
        process: which process of the run.
        rank: which rank of a distributed program that is, or null.
        shards: ranks over which gradients are spread, where each norm is that over all of them.
        missing_shards: ranks that hold parts and were not recorded: then each norm is that of this rank's part, but for
            `before_clipping`.
        parts: the modules or parameters whose gradients are measured.
        places: where it steps.
        spikes: the steps that stand out most.
        non_finite: the numbers of steps that found NaN or infinity, those left out that a `GradScaler` skipped.
        steps: in order; of a very long run not all.
    """

    name: str | None
    type: str
    process: int
    rank: int | None
    shards: tuple[int, ...]
    missing_shards: tuple[int, ...]
    parts: list[str]
    places: list[StepPlace]
    spikes: list[Spike]
    non_finite: list[int]
    steps: Sequence[MeasuredStep]


class NormsDocument(Section, frozen=True, kw_only=True):
    """The norms of the gradients of every step of a run.

    Attributes:
        format: `gradtrace-norms`.
        version: major and minor; within a major version keys keep their meaning, and more may be added.
        target: what was run.
        status: its exit status, negative for a signal; null while it is not known.
        notes: what the recorder says, such as steps that were left out.
        optimizers: one for each that has stepped.
    """

    format: Literal["gradtrace-norms"]
    version: tuple[int, int]
    target: str
    status: int | None
    notes: list[str]
    optimizers: Sequence[SteppedOptimizer]


def render_json(trace: Trace, histories: Sequence[History]) -> str:
    """The document as ASCII text that ends in a line break."""
    document = NormsDocument(
        format="gradtrace-norms",
        version=FORMAT_VERSION,
        target=trace.run.target,
        status=trace.run.status,
        notes=list(trace.run.notes),
        optimizers=Rows(_optimizer, histories),
    )
    return "".join(pieces(document))


def _optimizer(history: History) -> SteppedOptimizer:
    places = list(dict.fromkeys((step.series.location, step.series.backward) for step in history.steps))
    numbers = {place: number for number, place in enumerate(places)}
    return SteppedOptimizer(
        name=history.optimizer.name,
        type=history.optimizer.type,
        process=history.process,
        rank=history.rank,
        shards=history.shards,
        missing_shards=history.missing,
        parts=list(history.parts),
        places=[StepPlace(step=location(step), backward=location(backward)) for step, backward in places],
        spikes=[
            Spike(step=one.step.found.number, times=number(one.times), n_before=one.n_before) for one in spikes(history)
        ],
        non_finite=[step.found.number for step in non_finite(history)],
        steps=Rows(lambda step: _step(step, numbers[step.series.location, step.series.backward]), history.steps),
    )


def _step(step: Step, place: int) -> MeasuredStep:
    found = step.found
    return MeasuredStep(
        step=found.number,
        pass_index=found.pass_index,
        total=number(found.total),
        before_clipping=number(found.before),
        loss=number(found.loss),
        scaled=found.is_scaled,
        skipped=found.is_skipped,
        learning_rates=list(map(number, found.rates)),
        update=number(found.change),
        weights=number(found.weights),
        ratio=number(step.ratio),
        parts=list(map(number, step.parts)),
        place=place,
    )


_COLUMNS = ("process", "optimizer", "step", "pass", "total", "before_clipping", "loss", "learning_rate", "update_ratio")


def render_csv(histories: Sequence[History]) -> str:
    """One line a step, under a line of names; what was not measured is empty.

    The learning rate is that of the first param group. The norms of parts stand in columns called after them; where
    ranks of a distributed program have stepped, the second column is the rank.
    """
    parts = list(dict.fromkeys(part for history in histories for part in history.parts))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    has_ranks = any(history.rank is not None for history in histories)
    columns = [_COLUMNS[0], *["rank"] * has_ranks, *_COLUMNS[1:], "skipped", "line"]
    writer.writerow([*columns, *map(spreadsheet_cell, parts)])
    for history in histories:
        name = spreadsheet_cell(history.optimizer.name or history.optimizer.type)
        for step in history.steps:
            found, norms = step.found, dict(zip(history.parts, step.parts, strict=True))
            rate = found.rates[0] if found.rates else None
            numbers = (found.total, found.before, found.loss, rate, step.ratio, *map(norms.get, parts))
            cells = list(map(_cell, numbers))
            place = spreadsheet_cell(short(step.series.backward or step.series.location))
            rank = [history.rank] * has_ranks
            first = (history.process, *rank, name, found.number, found.pass_index)
            writer.writerow([*first, *cells[:5], int(found.is_skipped), place, *cells[5:]])
    return text.getvalue()


def _cell(x: float | None) -> str:
    return "" if x is None else repr(float(x))
