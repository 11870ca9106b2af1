"""What stands out among the norms of steps, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from gradtrace.analysis.step_norms import History, Spike, Step, non_finite, spikes, trend
from gradtrace.model import ranks_in_words
from gradtrace.text.wording import at, count, number, ranges, source_text

_RESOLUTION = 3


def title(history: History, target: str) -> str:
    """Whose steps these are, and how many."""
    optimizer = history.optimizer
    who = f"{optimizer.name} ({optimizer.type})" if optimizer.name else optimizer.type
    where = f" of process {history.process}" if history.process else ""
    if history.rank is not None:
        where = f" on rank {history.rank}"
    return f"{target}: {count(history.steps[-1].found.number, 'step')} of {who}{where}"


def sentences(history: History) -> Iterator[tuple[str, str]]:
    """Label and sentence of each thing that stands out."""
    yield from (("note", text) for text in _sharded(history))
    yield from (("error", text) for text in _broken(history))
    yield from (("note", _spike(spike)) for spike in spikes(history))
    yield from (("note", text) for text in (*_trend(history), *_clipped(history), *_skipped(history)))
    yield from (("note", text) for text in (*_idle(history), *_unmeasured(history), *_updates(history)))


def _sharded(history: History) -> Iterator[str]:
    """Whose norms these are, where each rank holds a part of the gradients."""
    if history.shards:
        yield f"gradients are spread over {ranks_in_words(history.shards)}: each norm is that over all of them"
    if history.missing:
        yield (
            f"gradients are spread over ranks, and those of {ranks_in_words(history.missing)} were not recorded: each "
            "norm is that of this rank's part, but for the total where torch computed it to clip"
        )


def _broken(history: History) -> Iterator[str]:
    broken = non_finite(history)
    if not broken:
        return
    first = broken[0]
    later = [step for step in history.steps if step.found.number >= first.found.number]
    if len(later) == len(broken):
        since = "at every step" if first is history.steps[0] else f"from step {first.found.number:,} on"
        text = f"the norm is not finite {since}"
    else:
        text = f"the norm is not finite at {_steps(broken)}"
    yield f"{text}; {_where(first)}"


def _steps(steps: Sequence[Step]) -> str:
    numbers = [step.found.number for step in steps]
    if len(numbers) == 1:
        return f"step {numbers[0]:,}"
    said = ranges(numbers)
    return f"steps {said}" if len(said) < 40 else f"{len(numbers):,} steps, first at step {numbers[0]:,}"  # noqa: PLR2004


def _where(step: Step) -> str:
    place = step.series.backward or step.series.location
    if place is None:
        return "its line is not known"
    text = source_text(place)
    return f"{text[:60]}{at(place)}" if text else at(place).strip()


def _spike(spike: Spike) -> str:
    step = spike.step
    clipped = f", clipped to {number(step.found.total, _RESOLUTION)}" if step.is_clipped else ""
    times = number(round(spike.times) if spike.times >= 10 else spike.times, 2)  # noqa: PLR2004
    return (
        f"step {step.found.number:,}: total norm {number(step.norm, _RESOLUTION)}{clipped}, {times} times the median "
        f"of the {spike.n_before} steps before it; {_where(step)}"
    )


def _trend(history: History) -> Iterator[str]:
    found = trend(history)
    if found is not None:
        first, last = found
        word = "grows" if last > first else "falls"
        change = f"from {number(first, _RESOLUTION)} to {number(last, _RESOLUTION)}"
        yield f"the total norm {word} {change} (medians of the first and last tenth of the steps)"


def _clipped(history: History) -> Iterator[str]:
    known = [step for step in history.steps if step.found.before is not None]
    clipped = [step for step in known if step.is_clipped]
    if clipped:
        steps = count(len(history.steps), "step")
        yield f"clipped at {len(clipped):,} of {steps}: the total norm is that before clipping, all others are after it"


def _skipped(history: History) -> Iterator[str]:
    skipped = [step for step in history.steps if step.found.is_skipped]
    if skipped:
        yield f"a GradScaler skipped {_steps(skipped)}: something was not finite there"
    if any(step.found.is_scaled for step in history.steps):
        yield "the loss is the root of the pass, multiplied by the scale of the GradScaler"


def _idle(history: History) -> Iterator[str]:
    """Parts that never had a gradient, or only zeros."""
    never, zero = [], []
    for at_, name in enumerate(history.parts):
        norms = [step.parts[at_] for step in history.steps]
        if all(norm is None for norm in norms):
            never.append(name)
        elif all(norm is None or norm == 0 for norm in norms):
            zero.append(name)
    if zero:
        yield f"0 at every step: {_names(zero)}"
    if never and len(never) < len(history.parts):
        yield f"no gradient at any step, or none that could be looked at: {_names(never)}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")  # noqa: PLR2004


def _unmeasured(history: History) -> Iterator[str]:
    unknown = [step for step in history.steps if step.found.total is None]
    without = [step for step in unknown if all(part is None for part in step.parts)]
    if without:
        yield f"no gradient, or none that could be looked at, at {_steps(without)}"
    if len(unknown) > len(without):
        yield "not every gradient could be looked at (a tensor subclass, another thread), so there is no total norm"


def _updates(history: History) -> Iterator[str]:
    ratios = [ratio for step in history.steps if (ratio := step.ratio) is not None and math.isfinite(ratio)]
    if ratios:
        measured = f"measured at {len(ratios):,} of {count(len(history.steps), 'step')}"
        yield f"update / weights: {number(median(ratios), _RESOLUTION)}, the median; {measured}"
