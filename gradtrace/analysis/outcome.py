"""What forbids the words "nothing wrong", whichever rules were heard: facts, not findings."""

from __future__ import annotations

from gradtrace.analysis.fan_in import is_put_there
from gradtrace.model import Accumulation, BackwardPass, Effect, EventKind, Leaf, ObservationKind, ProgramError, Trace

_INTERRUPT = "KeyboardInterrupt"
UNSCALES = frozenset({"step", "GradScaler.step", "unscale_", "_unscale_grads_"})
"""The functions of a GradScaler that write to `.grad`."""


def fatal_error(trace: Trace) -> ProgramError | None:
    """The exception that ended the program; an interrupt is what a person wanted, and no failure."""
    error = trace.run.error
    return None if error is None or error.type == _INTERRUPT else error


def has_bad_root(backward: BackwardPass) -> bool:
    """Whether a pass began at a value that is not finite."""
    return any(root.value is not None and root.value.is_finite is False for root in backward.roots)


def is_poisoned(backward: BackwardPass) -> bool:
    """Whether a pass began at, or gave a leaf, values that are not finite."""
    return has_bad_root(backward) or any(
        one.contribution is not None and one.contribution.is_finite is False for one in backward.accumulations
    )


def is_scaled(trace: Trace) -> bool:
    """Whether a GradScaler is at work: it looks for its factor by overflows, and skips the steps."""
    return any(event.kind == EventKind.GRAD_MODIFIED and event.call in UNSCALES for event in trace.events)


def first_poisoned(trace: Trace) -> BackwardPass | None:
    """The first pass that is not finite; with a GradScaler, only NaN and what the run ends with tell anything."""
    passes = [one for one in trace.passes if one.error is None]
    if not is_scaled(trace):
        return next(filter(is_poisoned, passes), None)
    has_nan = [one for one in passes if any(root.value is not None and root.value.nan for root in one.roots)]
    return next(iter([*has_nan, *filter(has_bad_root, passes[-1:])]), None)


def poisoned_in_ledger(trace: Trace) -> str | None:
    """`a root in pass 37`: what was not finite in a pass that was only counted."""
    seen = {one.kind: one.text for one in trace.run.observations}
    if ObservationKind.ROOT_NOT_FINITE in seen:
        return f"a root {seen[ObservationKind.ROOT_NOT_FINITE]}"
    if ObservationKind.GRADIENT_NOT_FINITE in seen and not is_scaled(trace):
        return f"a gradient {seen[ObservationKind.GRADIENT_NOT_FINITE]}"
    return None


def untrained(trace: Trace) -> tuple[Leaf, ...]:
    """Parameters that an optimizer is to train and that got no gradient, or exact zeros, in every pass.

    Of a run with a failed pass nothing is said: what it did not reach may have been next.
    """
    passes = [one for one in trace.passes if not one.is_drawn_only]
    if any(one.error is not None for one in passes):
        return ()
    processes = {one.process for one in passes}
    moved = {row.leaf for one in passes for row in one.accumulations if _is_some(row)}
    told = {row.leaf for one in passes for row in one.accumulations}
    for event in trace.events:
        if event.kind == EventKind.GRAD_MODIFIED:
            moved.update(event.leaves)  # the program sees to this gradient itself
        elif event.kind == EventKind.STEP:
            moved.update(leaf for leaf in event.leaves if leaf not in told)
    return tuple(
        leaf
        for leaf in trace.leaves
        if leaf.optimizers
        and leaf.requires_grad
        and 0 not in leaf.shape
        and leaf.process in processes
        and leaf.id not in moved
    )


def _is_some(row: Accumulation) -> bool:
    """Whether a contribution may be other than zero: one that was not measured may."""
    if row.reduced is not None or is_put_there(row):
        # other ranks have given it a gradient, or hold all of it
        return row.after is None or row.after.numel == 0 or row.after.norm != 0
    return row.effect != Effect.UNCHANGED and (row.contribution is None or row.contribution.norm != 0)
