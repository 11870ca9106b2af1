"""What a run did that nobody looked at: "could not look" is never "nothing wrong"."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gradtrace.model import BackwardPass, Blind, BlindSpot, Level, Trace

_ALL = frozenset({Blind.NO_TORCH, Blind.OTHER_INTERPRETER, Blind.NOT_INSTALLED})
_HARMLESS = frozenset({Blind.COMPILED_REGION, Blind.ASLEEP, Blind.PASSES_NOT_RECORDED})
_CHOSEN = frozenset({Blind.NO_FACTS, Blind.STRUCTURE_ONLY, Blind.PASSES_NOT_RECORDED})


@dataclass(frozen=True, slots=True)
class Gap:
    """A blind spot, and what it means for the answer.

    Attributes:
        is_total: nothing could be looked at.
        is_open: whether anything is wrong cannot be told from what was seen.
        is_chosen: it follows from how much the person asked to record.
        status: how the program ended; None while unknown.
        n_passes: how many passes there were.
        whose: the process that it is about, in words; "" where there is one alone.
    """

    spot: BlindSpot
    is_total: bool
    is_open: bool
    is_chosen: bool
    status: int | None = None
    n_passes: int = 0
    whose: str = ""

    @property
    def severity(self) -> str:
        """`total` or `partial`."""
        return "total" if self.is_total else "partial"


def coverage(trace: Trace) -> tuple[Gap, ...]:
    """What was not looked at in a run, what leaves the question most open first."""
    spots = [*(_narrowed(trace, spot) for spot in trace.run.blind_spots), *_seen_in(trace)]
    found = gaps(spots, trace.run.status, n_passes(trace))
    names = {one.number: str(one) for one in trace.run.processes}
    return tuple(replace(gap, whose=names.get(gap.spot.process, "")) for gap in found)


def gaps(spots: Iterable[BlindSpot], status: int | None, n_passes: int | None = None) -> tuple[Gap, ...]:
    """What blind spots mean in a run; `n_passes` is None where nobody counted."""
    found = []
    for spot in dict.fromkeys(spots):
        is_total = spot.reason in _ALL or (spot.reason == Blind.RECORDER_FAILED and n_passes == 0)
        is_interrupted = spot.reason == Blind.KILLED and status == -signal.SIGINT  # who asks for an end knows of it
        is_whole_run = spot.reason == Blind.PASSES_NOT_RECORDED and spot.count == n_passes
        is_part = spot.reason == Blind.FAKE_TENSORS and bool(spot.text)
        is_open = is_whole_run or (spot.reason not in _HARMLESS and not is_interrupted and not is_part)
        is_chosen = spot.reason in _CHOSEN and not is_whole_run
        found.append(Gap(spot, is_total, is_open, is_chosen, status, n_passes or 0))
    return tuple(sorted(found, key=lambda gap: (not gap.is_total, not gap.is_open, gap.is_chosen)))


def blindness(trace: Trace) -> Gap | None:
    """Why nothing could be looked at; None when something was."""
    return next((gap for gap in coverage(trace) if gap.is_total), None)


def could_not_look(trace: Trace) -> bool:
    """Whether a run in which nothing was found may have something wrong all the same."""
    return any(gap.is_open for gap in coverage(trace))


def n_passes(trace: Trace) -> int:
    """How many backward passes ran."""
    return sum(one.count for one in trace.passes if not one.is_drawn_only)


def _seen_in(trace: Trace) -> Iterator[BlindSpot]:
    """What follows from the rest of the recording."""
    run = trace.run
    if not run.torch:
        if not any(spot.reason in _ALL for spot in run.blind_spots):
            yield BlindSpot(Blind.NO_TORCH)
        return
    cut = next((one for one in trace.passes if one.error is not None and one.error.is_incomplete), None)
    if cut is not None and not run.blind_spots:
        yield BlindSpot(Blind.FILE_CUT, f"the recording ends in the middle of pass {cut.index}", pass_index=cut.index)
    full = [one for one in trace.passes if one.graph is not None]
    compiled = [_n_compiled(one) for one in full]
    if any(compiled):
        yield BlindSpot(Blind.COMPILED_REGION, count=max(compiled))
    if not run.facts:
        yield BlindSpot(Blind.NO_FACTS)
    if run.level == Level.STRUCTURE:
        yield BlindSpot(Blind.STRUCTURE_ONLY)
    elif _is_unmeasured(full) and not any(spot.reason == Blind.FAKE_TENSORS for spot in run.blind_spots):
        yield BlindSpot(Blind.NO_VALUES)
    left = n_passes(trace) - sum(not one.is_drawn_only for one in full)
    if left:
        compiled_pass = any(spot.reason == Blind.COMPILED_REGION and spot.text for spot in run.blind_spots)
        yield BlindSpot(Blind.PASSES_NOT_RECORDED, "compiled" if compiled_pass and not full else "", count=left)


def _narrowed(trace: Trace, spot: BlindSpot) -> BlindSpot:
    """A blind spot of the run, or of those of its passes whose gradients were not measured, where others were."""
    if spot.reason != Blind.FAKE_TENSORS:
        return spot
    full = [one for one in trace.passes if one.graph is not None]
    fake = [one for one in full if _is_unmeasured([one])]
    if not fake or len(fake) == len(full):
        return spot
    return replace(spot, text=f"pass {fake[0].index} computes" if len(fake) == 1 else f"{len(fake):,} passes compute")


def _n_compiled(one: BackwardPass) -> int:
    """How many compiled regions a pass has of which nobody knows the gradients inside."""
    if one.graph is None:
        return 0
    regions = [node for node in one.graph.nodes if node.type.startswith("CompiledFunctionBackward")]
    return sum(node.recomputed is None or node.recomputed.reason is not None for node in regions)


def _is_unmeasured(full: list[BackwardPass]) -> bool:
    """Whether gradients were sent and none of them was measured."""
    sent = [edge.sent for one in full if one.graph is not None for edge in one.graph.edges if edge.sent is not None]
    return bool(sent) and all(one.norm is None and one.value is None for one in sent)
