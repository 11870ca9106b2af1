"""Processes that train the same model together, and parameters that only some of them reach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.analysis.training_steps import inner
from gradtrace.model import STORED, BackwardPass, EventKind, Recorded, Trace
from gradtrace.model.location import same_place

_LOST_TOUCH = re.compile(
    r"finished reduction in the prior iteration|connection (closed|reset)|gloo|nccl|process ?group|childfailed|"
    r"timed? ?out",
    re.IGNORECASE,
)
"""What is said when processes no longer wait for the same thing."""

_NEAR = 1e-5


@dataclass(frozen=True, slots=True)
class Divergence:
    """Passes of one step in two processes that belong together and reach different parameters.

    Attributes:
        one: the pass that reaches `leaves`.
        other: the pass of the other process, in which those of the same names (`missed`) get nothing.
        is_fatal: the program ended because the processes no longer waited for the same thing.
    """

    one: BackwardPass
    other: BackwardPass
    leaves: tuple[int, ...]
    missed: tuple[int, ...]
    is_fatal: bool


@once
def divergences(trace: Trace) -> tuple[Divergence, ...]:
    """Those of the first step in which processes that add up their gradients reach different parameters."""
    passes = _by_process(trace)
    names = {process: _names(trace, process) for process in passes}
    first = next(iter(passes), None)
    together = [process for process in passes if first is not None and names[process].keys() == names[first].keys()]
    if len(together) < 2 or not names[together[0]]:  # noqa: PLR2004
        return ()
    error = trace.run.error
    is_fatal = error is not None and bool(_LOST_TOUCH.search(f"{error.type} {error.message}"))
    if not is_fatal and not _adds_up(trace, [passes[process] for process in together]):
        return ()
    for step in zip(*(passes[process] for process in together), strict=False):
        if not all(same_place(one.location, step[0].location) for one in step):
            break
        found = tuple(_in_step(trace, step, names, is_fatal=is_fatal))
        if found:
            return found
    return ()


def _by_process(trace: Trace) -> dict[int, list[BackwardPass]]:
    """By process: the passes of its steps that were recorded in full."""
    found: dict[int, list[BackwardPass]] = {}
    aside = inner(trace)
    for one in trace.passes:
        if one.recorded == Recorded.FULL and one.parent is None and not one.is_drawn_only and one.index not in aside:
            found.setdefault(one.process, []).append(one)
    return found


def _names(trace: Trace, process: int) -> dict[tuple[str, tuple[int, ...]], int]:
    """By name and shape: the parameters of a process that its optimizers hold."""
    return {(leaf.name, leaf.shape): leaf.id for leaf in trace.leaves if leaf.process == process and leaf.optimizers}


def _in_step(
    trace: Trace,
    step: tuple[BackwardPass, ...],
    names: dict[int, dict[tuple[str, tuple[int, ...]], int]],
    *,
    is_fatal: bool,
) -> Iterator[Divergence]:
    """By the first process that gives a parameter a gradient, and the first that does not: those parameters."""
    given = [_given(one) for one in step]
    touched = {} if is_fatal else _touched(trace)
    filled = [found | touched.get(one.index, frozenset()) for one, found in zip(step, given, strict=True)]
    pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for key in names[step[0].process]:
        leaves = [names[one.process][key] for one in step]
        giver = next((number for number, leaf in enumerate(leaves) if leaf in given[number]), None)
        lacker = next((number for number, leaf in enumerate(leaves) if leaf not in filled[number]), None)
        if giver is not None and lacker is not None:
            pairs.setdefault((giver, lacker), []).append((leaves[giver], leaves[lacker]))
    for (giver, lacker), found in pairs.items():
        ours, theirs = tuple(one for one, _ in found), tuple(other for _, other in found)
        yield Divergence(step[giver], step[lacker], ours, theirs, is_fatal)


def _given(one: BackwardPass) -> set[int]:
    return {row.leaf for row in one.accumulations if row.effect in STORED}


@once
def _touched(trace: Trace) -> dict[int, frozenset[int]]:
    """By pass: the leaves whose `.grad` something wrote to, or a step read, before the next one."""
    found: dict[int, set[int]] = {}
    for event in trace.events:
        if event.kind in {EventKind.GRAD_MODIFIED, EventKind.STEP}:
            found.setdefault(event.pass_index, set()).update(event.leaves)
    return {index: frozenset(leaves) for index, leaves in found.items()}


def _adds_up(trace: Trace, passes: list[list[BackwardPass]]) -> bool:
    """Whether processes that had filled `.grad` with different numbers left the same ones there, in several leaves."""
    left = _left_by_writes(trace)
    for step in zip(*passes, strict=False):
        rows = [{trace.leaves[row.leaf].name: row for row in one.accumulations if row.effect in STORED} for one in step]
        shared: set[float] = set()
        for name in rows[0]:
            if not all(name in each for each in rows):
                continue
            own = [each[name].after for each in rows]
            then = [left.get((one.index, each[name].leaf)) for one, each in zip(step, rows, strict=True)]
            norms = [float(stats.norm) for stats in own if stats is not None and isinstance(stats.norm, int | float)]
            later = [norm for norm in then if norm is not None]
            if len(norms) == len(later) == len(step) and _is_one(later) and not _is_one(norms):
                shared.add(round(later[0], 4))
        if len(shared) > 1:
            return True
    return False


def _is_one(norms: list[float]) -> bool:
    return max(norms) - min(norms) <= _NEAR * max(map(abs, norms))


@once
def _left_by_writes(trace: Trace) -> dict[tuple[int, int], float]:
    """By pass and leaf: the norm that the writes after the pass left in `.grad`."""
    found: dict[tuple[int, int], float] = {}
    for event in trace.events:
        if event.kind == EventKind.GRAD_MODIFIED:
            for write in event.writes:
                if isinstance(write.after, int | float):
                    found[event.pass_index, write.leaf] = float(write.after)
    return found
