"""The norms of a run's steps, optimizer by optimizer: put together by module, and what stands out among them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from gradtrace.analysis.sharded_norms import combined
from gradtrace.model import Leaf, LeafKind, NormSeries, OptimizerInfo, StepNorms, Trace

_BEFORE = 50
"""With the median of so many steps before it a norm is compared."""
_FEWEST = 5
_SPIKE = 5.0
"""A norm that is so many times the median is a spike."""
_TENTH = 10
_TREND = 3.0
"""A norm that changes so many times from the first tenth of a run to the last is a trend."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it found, where it stands, and the norms of the parts of its history."""

    found: StepNorms
    series: NormSeries
    parts: tuple[float | None, ...]
    is_part: bool = False
    """The norms are those of one rank's parts of the gradients, but for that before clipping."""

    @property
    def norm(self) -> float | None:
        """The norm that the passes have left: before clipping, where something was clipped."""
        return self.found.total if self.found.before is None else self.found.before

    @property
    def is_clipped(self) -> bool:
        """The gradients were scaled down; of a part of them that cannot be told."""
        before, after = self.found.before, self.found.total
        if self.is_part:
            return False
        return before is not None and after is not None and before > after * (1 + 1e-5)

    @property
    def ratio(self) -> float | None:
        """The norm of what the step changed, by that of the parameters."""
        change, weights = self.found.change, self.found.weights
        return None if change is None or not weights else change / weights


@dataclass(frozen=True, slots=True)
class History:
    """The steps of one optimizer, perhaps on one rank, in order; `parts` are names of modules, or of parameters.

    Attributes:
        shards: ranks over which gradients are spread, where the norms are those over all of them.
        missing: ranks that have parts and were not recorded: then the norms are those of this rank's parts alone.
    """

    optimizer: OptimizerInfo
    parts: tuple[str, ...]
    steps: tuple[Step, ...]
    process: int = 0
    rank: int | None = None
    shards: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Spike:
    """A step whose norm is many times the median of those before it."""

    step: Step
    times: float
    n_before: int


def histories(trace: Trace, depth: int | None) -> tuple[History, ...]:
    """One history for each optimizer that has stepped.

    Args:
        trace: the run.
        depth: how many levels of module names are told apart; None: every parameter by itself.
    """
    together: dict[int, list[int]] = {}
    for at, series in enumerate(trace.step_norms):
        together.setdefault(series.optimizer, []).append(at)
    found = combined(trace)
    return tuple(
        replace(
            _history(
                trace,
                trace.optimizers[number],
                [found.series[at] for at in some],
                depth,
                is_part=any(found.missing[at] for at in some),
            ),
            shards=tuple(sorted({rank for at in some for rank in found.ranks[at]})),
            missing=tuple(sorted({rank for at in some for rank in found.missing[at]})),
        )
        for number, some in sorted(together.items())
    )


def _history(
    trace: Trace, optimizer: OptimizerInfo, series: Sequence[NormSeries], depth: int | None, *, is_part: bool
) -> History:
    names: dict[str, int] = {}
    steps: list[tuple[StepNorms, NormSeries, list[int]]] = []
    for one in series:
        at = [names.setdefault(_name(trace, one, part, depth), len(names)) for part in range(len(one.parts))]
        steps += [(step, one, at) for step in one.steps]
    steps.sort(key=lambda step: step[0].number)
    return History(
        optimizer=optimizer,
        parts=tuple(names),
        steps=tuple(Step(found, one, _grouped(found, at, len(names)), is_part) for found, one, at in steps),
        process=optimizer.process,
        rank=next((one.rank for one in trace.run.processes if one.number == optimizer.process), None),
    )


def _name(trace: Trace, series: NormSeries, part: int, depth: int | None) -> str:
    name = series.parts[part].name
    if depth is None:
        return name
    if series.by_parameter:
        name = _module(trace.leaves[series.parts[part].leaves[0]]) or name
    return ".".join(name.split(".")[:depth])


def _module(leaf: Leaf) -> str:
    return leaf.name.rpartition(".")[0] if leaf.kind != LeafKind.TENSOR else ""


def _grouped(found: StepNorms, at: Sequence[int], n_parts: int) -> tuple[float | None, ...]:
    """The norms of parts put together; None where there is no gradient, or one that nobody could look at."""
    together: list[list[float | None]] = [[] for _ in range(n_parts)]
    for part, norm in zip(at, found.parts, strict=True):
        together[part].append(norm)
    return tuple(_root_of_squares(norms, is_whole=found.total is not None) for norms in together)


def _root_of_squares(norms: Sequence[float | None], *, is_whole: bool) -> float | None:
    if len(norms) == 1:
        return norms[0]
    there = [norm for norm in norms if norm is not None]
    if not there or (len(there) < len(norms) and not is_whole):
        return None
    return math.sqrt(sum(norm * norm for norm in there))


def spikes(history: History, most: int = 3) -> tuple[Spike, ...]:
    """The steps whose norm stands out most, in order."""
    found = sorted(_spikes(history), key=lambda spike: -spike.times)[:most]
    return tuple(sorted(found, key=lambda spike: spike.step.found.number))


def _spikes(history: History) -> Iterator[Spike]:
    before: list[float] = []
    for step in history.steps:
        norm = step.norm
        if norm is None or not math.isfinite(norm):
            continue
        if len(before) >= _FEWEST:
            usual = median(before)
            if usual > 0 and norm > _SPIKE * usual:
                yield Spike(step, norm / usual, len(before))
        before = [*before[-_BEFORE + 1 :], norm]


def non_finite(history: History) -> tuple[Step, ...]:
    """The steps that found NaN or infinity; those that a `GradScaler` skipped are meant to."""
    return tuple(step for step in history.steps if not step.found.is_skipped and _is_broken(step.found.total))


def _is_broken(norm: float | None) -> bool:
    return norm is not None and not math.isfinite(norm)


def trend(history: History) -> tuple[float, float] | None:
    """The median norm of the first tenth of the steps and that of the last, where they differ much."""
    norms = [step.norm for step in history.steps if step.norm is not None and math.isfinite(step.norm)]
    tenth = len(norms) // _TENTH
    if tenth < 1:
        return None
    first, last = median(norms[:tenth]), median(norms[-tenth:])
    is_much = max(first, last) > _TREND * min(first, last)
    return (first, last) if is_much else None
