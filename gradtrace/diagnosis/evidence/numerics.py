"""Where the first NaN or infinity of a run comes from, forwards or backwards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from gradtrace.analysis.once import once
from gradtrace.analysis.outcome import has_bad_root, is_poisoned, is_scaled
from gradtrace.diagnosis.evidence.errors import called_as, notes
from gradtrace.diagnosis.evidence.shapes import consumers, full, is_type, outgoing, targets, through_views
from gradtrace.formulas import traits
from gradtrace.formulas.trait_kinds import Breaks
from gradtrace.model import (
    BackwardPass,
    Finding,
    Graph,
    Leaf,
    Location,
    Node,
    NonFinite,
    RelatedLocation,
    Severity,
    StepFact,
    Trace,
)
from gradtrace.model.location import same_place
from gradtrace.model.needs import Statistic, Tensors, need

NEEDS = (
    need(Tensors.ROOTS, Statistic.FINITE),
    need(Tensors.LEAVES, Statistic.FINITE),
    need(Tensors.GRADIENTS, Statistic.FINITE, Statistic.NORM),
    need(Tensors.RESULTS, Statistic.FINITE),
    need(Tensors.TROUBLE, Statistic.FINITE, Statistic.ZEROS, Statistic.EXTREMES),
)
"""Of the rules below."""


class Cause(StrEnum):
    """What makes numbers that are not finite."""

    ARC_AT_BOUNDARY = auto()
    DIVERGENCE = auto()
    DIVISION_BY_ZERO = auto()
    EXP_OVERFLOW = auto()
    LOG_OF_ZERO = auto()
    MASKED_INFINITY = auto()
    MASKED_SOFTMAX = auto()
    MEAN_OF_NOTHING = auto()
    POWER_OF_NEGATIVE = auto()
    REPEATED_VALUES = auto()
    ROOT_OF_ZERO = auto()
    SINGLE_SAMPLE = auto()
    UNTAKEN_BRANCH = auto()


_CAUSES = {
    Breaks.ARC: Cause.ARC_AT_BOUNDARY,
    Breaks.DECOMPOSITION: Cause.REPEATED_VALUES,
    Breaks.DIVISION: Cause.DIVISION_BY_ZERO,
    Breaks.EXP: Cause.EXP_OVERFLOW,
    Breaks.LOG: Cause.LOG_OF_ZERO,
    Breaks.ROOT: Cause.ROOT_OF_ZERO,
}
"""What makes the derivative of an op not finite; that of a power depends on its exponent."""


_HUGE = {"float16": 1e4, "bfloat16": 1e30, "float32": 1e30, "float64": 1e300}
"""Norms by dtype beyond which any operation may overflow."""

_WRAPPED = "wrapped"
"""How torch calls an operator that it wraps, such as `**`."""

_GROWN = 1e4
"""Parameters that are so much larger than at the beginning do not come back."""

_FAR = 8
"""How many nodes may stand between a selection and the operation whose result it drops."""


@dataclass(frozen=True, slots=True)
class Trap:
    """The cause: what it is, its line, and what else is to be told."""

    cause: Cause
    place: Location | None
    call: str
    backward: BackwardPass
    related: tuple[RelatedLocation, ...] = ()
    is_hidden: bool = False
    """The value is dropped or masked later, so that only gradients show it."""


@once
def trap(trace: Trace) -> Trap | None:
    """The cause of the first pass that ends in values which are not finite; what comes later is its consequence.

    A GradScaler looks for its factor by overflows, and skips the steps: then gradients tell nothing, nor does a scaled
    loss that overflows, where all that it was computed from is finite.
    """
    scaled = is_scaled(trace)
    for backward, graph in full(trace):
        if scaled and not (has_bad_root(backward) and _of_forward(trace, backward, graph)):
            continue
        if backward.error is None and is_poisoned(backward):
            found = _cause(trace, backward, graph)
            if found is None:
                return None
            effect = "the loss is not finite" if has_bad_root(backward) else "gradients are not finite"
            told = notes((backward.location, f"{effect} in pass {backward.index}"))
            return replace(found, related=(*found.related, *(one for one in told if one.location != found.place)))
    return None


def findings(trace: Trace, rule: str, cause: Cause, message: str, advice: str) -> Iterator[Finding]:
    """The finding of a rule for a cause, if it is that; `{call}` in the message is the function."""
    found = trap(trace)
    if found is not None and found.cause is cause:
        text = message.replace("{call}", found.call)
        yield Finding(rule, Severity.ERROR, text, found.place, found.related, advice, (), (found.backward.index,))


def _cause(trace: Trace, backward: BackwardPass, graph: Graph) -> Trap | None:
    if given_before(trace, backward) is not None:
        return None
    grown = growth(trace, backward)
    if grown is not None:
        return Trap(Cause.DIVERGENCE, grown.step.location, grown.step.call, backward, _overflow(trace, backward))
    culprit = first_breaker(graph)
    found = _of_node(graph, culprit, backward) if culprit is not None and not _is_late(culprit) else None
    if found is not None and not has_bad_root(backward):
        return found
    return _of_forward(trace, backward, graph) or _of_empty(graph, backward) or found


@dataclass(frozen=True, slots=True)
class Growth:
    """How far steps have moved parameters away: their 2-norm before the first and after the last, and the last step."""

    before: float
    after: float
    n_steps: int
    step: StepFact


def growth(trace: Trace, backward: BackwardPass) -> Growth | None:
    """The growth of all parameters up to a pass, if it is beyond what training does."""
    steps = [one for one in trace.steps if one.process == backward.process and one.pass_index < backward.index]
    before: dict[int, float] = {}
    after: dict[int, float] = {}
    for step in steps:
        for change in step.changes:
            if isinstance(change.before, int | float) and isinstance(change.after, int | float):
                before.setdefault(change.leaf, float(change.before))
                after[change.leaf] = float(change.after)
    first, last = math.hypot(*before.values()), math.hypot(*after.values())
    return Growth(first, last, len(steps), steps[-1]) if steps and last > _GROWN * max(first, 1) else None


def _overflow(trace: Trace, backward: BackwardPass) -> tuple[RelatedLocation, ...]:
    made = next(iter(born_before(trace, backward)), None)
    return notes((made.location, f"`{made.call}` overflows here")) if made is not None else ()


def _is_late(node: Node) -> bool:
    """Whether what went into the operation was broken already; then it is no cause, only where that shows."""
    if traits.of(node).is_selection:
        return False
    return any(
        saved.stats is not None and (saved.stats.nan or (saved.stats.inf and saved.name != "result"))
        for saved in node.saved
    )


def first_breaker(graph: Graph) -> Node | None:
    """The first node, as the engine ran them, that got finite gradients and sent others."""
    broken = {edge.source for edge in graph.edges if edge.sent is not None and edge.sent.is_finite is False}
    ran = [
        graph.nodes[one]
        for one in broken
        if graph.nodes[one].order is not None
        and all(output.received is None or output.received.is_finite for output in graph.nodes[one].outputs)
    ]
    return min(ran, key=lambda node: node.order or 0, default=None)


def _of_node(graph: Graph, node: Node, backward: BackwardPass) -> Trap | None:
    """What kind of operation breaks a finite gradient; one that is too large for its dtype breaks anywhere."""
    if node.received is not None and (node.received.norm or 0) > _HUGE.get(node.received.dtype, math.inf):
        return None
    selection = _selected_by(graph, node)
    if selection is not None and node.received is not None and node.received.zero:
        told = notes((selection.location, "this drops the result forwards, but not the gradient of 0 · inf"))
        return Trap(Cause.UNTAKEN_BRANCH, node.location, node.op, backward, told)
    breaks = traits.of(node).breaks
    cause = _of_power(node) or (_CAUSES.get(breaks) if breaks is not None else None)
    hidden = _hidden_by(graph, node) if cause is Cause.EXP_OVERFLOW else ()
    return Trap(cause, node.location, node.op, backward, hidden, bool(hidden)) if cause is not None else None


def _of_power(node: Node) -> Cause | None:
    """A power below one has an infinite derivative at zero, one that is no integer has none below zero."""
    if not is_type(node, "PowBackward"):
        return None
    base = next((saved.stats for saved in node.saved if saved.name == "self"), None)
    is_negative = base is not None and base.min is not None and base.min < 0
    try:
        exponent = float(dict(node.arguments).get("exponent", "nan"))
    except ValueError:
        exponent = math.nan
    if 0 < exponent < 1 and not is_negative:
        return Cause.ROOT_OF_ZERO
    return Cause.POWER_OF_NEGATIVE if is_negative and not exponent.is_integer() else None


def _selected_by(graph: Graph, node: Node) -> Node | None:
    """The `where` or `masked_fill` shortly above a node, through elementwise operations."""
    stack, seen = [(node, 0)], {node.id}
    while stack:
        one, depth = stack.pop()
        for user in consumers(graph, one):
            if traits.of(user).is_selection:
                return user
            if user.id not in seen and depth < _FAR and user.shape == node.shape:
                seen.add(user.id)
                stack.append((user, depth + 1))
    return None


def _hidden_by(graph: Graph, node: Node) -> tuple[RelatedLocation, ...]:
    """What drops an infinity shortly above a node, and the first product with a constant, such as a mask, above that.

    Where several drop it, a choice between values goes before a clamp.
    """
    above = _above(graph, node)
    choices = [one for one in above if traits.of(one).is_choice] or [one for one in above if is_type(one, "Clamp")]
    if not choices:
        return ()
    products = (one for one in _above(graph, choices[0]) if is_type(one, "MulBackward"))
    masks = [one for one in products if len(outgoing(graph, one)) == 1]
    return notes(
        (choices[0].location, f"`{called_as(choices[0])}` drops the infinity forwards, but not its gradient"),
        *((one.location, "zeros here do not help: backward computes 0 · inf") for one in masks[:1]),
    )


def _above(graph: Graph, node: Node) -> list[Node]:
    """What elementwise operations make of a value, the nearest first, a few of them."""
    found: dict[int, Node] = {}
    level = [node]
    for _ in range(_FAR):
        users = {user.id: user for one in level for user in consumers(graph, one) if user.shape == node.shape}
        level = [user for number, user in users.items() if number not in found]
        found.update((user.id, user) for user in level)
    return list(found.values())


def _of_forward(trace: Trace, backward: BackwardPass, graph: Graph) -> Trap | None:
    """The first known trap among the results that came out not finite before the pass."""
    seen = born_before(trace, backward)
    masked = next((one for one in seen if _is_masked(one)), None)
    if masked is not None:
        source = next((one for one in seen if one.output.inf and one is not masked), None)
        is_log = source is not None and _of_result(source) is Cause.LOG_OF_ZERO
        if source is not None and is_log and (rounded := _producer(graph, source)):
            return Trap(Cause.LOG_OF_ZERO, source.location or backward.location, source.call, backward, rounded)
        told = notes((source.location if source else None, f"`{source.call if source else ''}` gives an infinity here"))
        other = tuple(one for one in told if one.location != masked.location)
        return Trap(Cause.MASKED_INFINITY, masked.location or backward.location, masked.call, backward, other)
    for one in seen:
        cause = _of_result(one)
        if cause is Cause.MASKED_SOFTMAX and not _may_be_masked(graph, one):
            cause = None
        if cause is not None:
            return Trap(cause, one.location or backward.location, one.call, backward, _producer(graph, one))
    return None


def born_before(trace: Trace, backward: BackwardPass) -> list[NonFinite]:
    """The results of graphs that came out not finite before a pass.

    Where one was told only roughly, those that were seen in later passes come first, when results were looked at.
    """
    born = [one for one in trace.non_finite if one.process == backward.process and one.is_tracked and not one.is_given]
    seen = [one for one in born if one.before_pass <= backward.index]
    if not seen or any(one.is_exact for one in seen):
        return seen
    return [*(one for one in born if one.is_exact), *seen]


@dataclass(frozen=True, slots=True)
class Given:
    """A tensor that was not finite before anything was computed from it: the call that took it in, and its leaf."""

    taken: NonFinite
    leaf: Leaf | None


def given_before(trace: Trace, backward: BackwardPass) -> Given | None:
    """Such a tensor, if it went into the pass before any operation made a number that is not finite."""
    same = (one for one in trace.non_finite if one.process == backward.process and one.before_pass <= backward.index)
    first = next((one for one in same if one.is_tracked), None)
    if first is None or not first.is_given:
        return None
    leaf = next((leaf for leaf in trace.leaves if leaf.name == first.name and leaf.process == first.process), None)
    return Given(first, leaf)


def _is_masked(one: NonFinite) -> bool:
    """A product of zeros and infinities."""
    return (
        (one.call == _WRAPPED or traits.called(one.call).stem == "Mul")
        and bool(one.output.nan)
        and any(stats.inf for stats in one.inputs)
        and any(stats.zero for stats in one.inputs)
    )


def _of_result(one: NonFinite) -> Cause | None:
    """What broke a result, if what went in was finite: else the cause is where that was made.

    A softmax may be given what a mask has set to minus infinity.
    """
    op = traits.called(one.call)
    breaks = op.breaks
    low = [stats.min for stats in one.inputs if stats.min is not None]
    is_broken = bool(one.output.nan)
    if any(stats.nan or stats.inf for stats in one.inputs):
        is_masked = is_broken and all(stats.max is None or stats.max < math.inf for stats in one.inputs)
        is_softmax = breaks is Breaks.SOFTMAX or "attention" in one.call
        return Cause.MASKED_SOFTMAX if is_masked and is_softmax else None
    divisor = one.inputs[-1] if one.inputs else None
    is_power = one.call == _WRAPPED or breaks in (Breaks.POWER, Breaks.ROOT)
    table = (
        (breaks is Breaks.LOG and any(value <= 0 for value in low), Cause.LOG_OF_ZERO),
        (breaks is Breaks.EXP and bool(one.output.inf), Cause.EXP_OVERFLOW),
        (is_power and is_broken and any(value < 0 for value in low), Cause.POWER_OF_NEGATIVE),
        (breaks is Breaks.DIVISION and divisor is not None and bool(divisor.zero), Cause.DIVISION_BY_ZERO),
        (breaks is Breaks.SPREAD and is_broken, Cause.SINGLE_SAMPLE),
        ((op.is_mean or op.is_loss) and is_broken and _is_of_nothing(one), Cause.MEAN_OF_NOTHING),
        (breaks is Breaks.ARC, Cause.ARC_AT_BOUNDARY),
        (is_broken and (breaks is Breaks.SOFTMAX or "attention" in one.call), Cause.MASKED_SOFTMAX),
    )
    return next((cause for holds, cause in table if holds), None)


def _may_be_masked(graph: Graph, one: NonFinite) -> bool:
    """Whether unknown scores of a softmax come from what can mask: a fill, a choice, a sum."""
    if one.is_exact:
        return True
    for node in graph.nodes:
        if same_place(node.location, one.location) and traits.of(node).is_softmax:
            below = targets(graph, node)[:1]
            return all(_can_mask(through_views(graph, source)) for source in below)
    return True


def _can_mask(node: Node) -> bool:
    """Whether a node may put minus infinity in: a fill, a choice, a sum."""
    op = traits.of(node)
    return op.is_selection or op.is_addition or bool(op.addend) or is_type(node, "CopySlices")


def _is_of_nothing(one: NonFinite) -> bool:
    """Whether a mean is known to be one of no elements; what is known of its inputs may stem from further below."""
    return one.is_exact or any(not stats.numel for stats in one.inputs)


def _producer(graph: Graph, one: NonFinite) -> tuple[RelatedLocation, ...]:
    """The softmax or sigmoid whose result went in."""
    for node in graph.nodes:
        if same_place(node.location, one.location) and is_type(node, "LogBackward"):
            below = targets(graph, node)
            source = through_views(graph, below[0]) if below else None
            if source is not None and traits.of(source).is_probability:
                return notes((source.location, f"`{source.op}` rounds to 0 here"))
    return ()


def _of_empty(graph: Graph, backward: BackwardPass) -> Trap | None:
    """A mean over nothing: no elements, or all of them ignored."""
    for node in graph.nodes:
        if node.value is None or not node.value.nan:
            continue
        below = targets(graph, node)
        is_empty = any(one.shape is not None and 0 in one.shape for one in below)
        if traits.of(node).is_mean and is_empty:
            return Trap(Cause.MEAN_OF_NOTHING, node.location, node.op, backward)
        inputs = [saved.stats for saved in node.saved if saved.stats is not None and saved.name == "self"]
        if is_type(node, "NllLoss") and inputs and all(stats.is_finite for stats in inputs):
            return Trap(Cause.MEAN_OF_NOTHING, node.location, "the loss", backward)
        if traits.of(node).breaks is Breaks.SPREAD and all(one.value is None or one.value.is_finite for one in below):
            return Trap(Cause.SINGLE_SAMPLE, node.location, node.op, backward)
    return None
