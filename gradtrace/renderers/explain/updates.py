"""What was done with the gradients that a pass left: `clip_grad_norm_ at train.py:12: |grad| 5.2 → 1`, and the step."""

import math
from collections.abc import Iterable, Iterator, Sequence

from gradtrace.analysis.leaf_order import natural
from gradtrace.formulas.optimizers import rule_of
from gradtrace.formulas.optimizers.update_rule import UpdateRule
from gradtrace.model import (
    BackwardPass,
    Event,
    EventKind,
    NestedValue,
    Number,
    ParameterChange,
    StepFact,
    TensorStats,
    Trace,
)
from gradtrace.model.format import ASYNCHRONOUS
from gradtrace.renderers.explain.moves import moved_by_iteration
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Fact, Facts, Paragraph
from gradtrace.text.step_terms import step_parts

_MOST_NAMED = 3
"""So many parameters are told each by itself; of more, norms over all of them."""
_MOST_EXAMPLES = 2
"""Of more, so many whose elements are few are told by themselves as well."""
_LONGEST_VALUE = 40
_MOST_ACTS = 8
_TOLD_RATES = ("momentum", "weight_decay", "betas")


def updates(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """What was written to `.grad` after the pass and each step that used it, as far as numbers are known."""
    acts = list(_acts(trace, one))
    for act in acts[:_MOST_ACTS]:
        yield from act
    hidden = len(acts) - _MOST_ACTS
    if hidden > 0:
        yield Paragraph(f"… and {wording.count(hidden, 'more change')}")


def _acts(trace: Trace, one: BackwardPass) -> Iterator[list[Block]]:
    after = [event for event in trace.events if event.pass_index == one.index and event.process == one.process]
    told = [event for event in after if event.writes or event.step is not None or ASYNCHRONOUS in event.call]
    groups = _together(told)
    for position, (is_step, events) in enumerate(groups):
        if is_step:
            yield from (_step(trace, event.step, one) for event in events if event.step is not None)
        else:
            follows = groups[position + 1] if position + 1 < len(groups) else (False, [])
            step = follows[1][0].step if follows[0] and position == 0 else None
            yield [Paragraph(_change(trace, one, events, step))]
    seen = {event.step.number for event in after if event.step is not None}
    around = (step for step in trace.steps if one.index in step.own_passes and step.pass_index != one.index)
    yield from (_step(trace, step, one) for step in around if step.process == one.process)
    for step in trace.steps:
        if step.is_skipped and step.number not in seen and (step.pass_index, step.process) == (one.index, one.process):
            yield _step(trace, step, one)


def _together(events: Sequence[Event]) -> list[tuple[bool, list[Event]]]:
    """Steps, and writes by one call at one place: also those of a loop that writes to a leaf several times in turn.

    A write joins an earlier one where nothing else has written to its leaves in between.
    """
    groups: list[tuple[bool, list[Event]]] = []
    for event in events:
        is_step, leaves = event.kind == EventKind.STEP, set(event.leaves)
        for was_step, known in reversed(groups):
            if was_step == is_step and (known[0].call, known[0].location) == (event.call, event.location):
                known.append(event)
                break
            if is_step or was_step or any(not leaves.isdisjoint(one.leaves) for one in known):
                groups.append((is_step, [event]))
                break
        else:
            groups.append((is_step, [event]))
    return groups


# Writes to `.grad`.


def _change(trace: Trace, one: BackwardPass, events: Sequence[Event], step: StepFact | None) -> str:
    """Writes at one place, one after the other: from before the first to after the last.

    Args:
        trace: the run.
        one: the pass before them.
        events: the writes.
        step: the step that found what they left, where nothing came between the pass, them and it.
    """
    before: dict[int, Number | None] = {}
    after: dict[int, Number | None] = {}
    for event in events:
        for write in event.writes:
            before.setdefault(write.leaf, write.before)
            after[write.leaf] = write.after
    names = [trace.leaves[leaf].name for leaf in before]
    head = f"Then {events[0].call}{wording.at(events[0].location)}:"
    if not before:
        written = list(dict.fromkeys(trace.leaves[leaf].name for event in events for leaf in event.leaves))
        return f"{head} .grad of {_whose(written)}, not measured: it may run on after the call."
    norms = f"{_norm(before.values())} → {_norm(after.values())}"
    values = _values_changed(trace, one, list(before), step)
    if values:
        return f"{head} {values} (norm {norms})."
    return f"{head} norm of .grad of {_whose(names)} {norms}."


def _whose(names: Sequence[str]) -> str:
    return wording.listing(names, _MOST_NAMED) if len(names) <= _MOST_NAMED else wording.count(len(names), "leaf")


def _values_changed(trace: Trace, one: BackwardPass, leaves: list[int], step: StepFact | None) -> str:
    """`w.grad [6, 8] → [0.6, 0.8]`, where all of them are short."""
    left = {row.leaf: row.after for row in one.accumulations}
    found = {change.leaf: change.value_gradient for change in step.changes} if step is not None else {}
    texts = []
    for leaf in leaves:
        pair = _short(_value(left.get(leaf)), found.get(leaf))
        if pair is None:
            return ""
        texts.append(f"{trace.leaves[leaf].name}.grad {pair}")
    return ", ".join(texts) if len(texts) <= _MOST_NAMED else ""


def _value(stats: TensorStats | None) -> NestedValue:
    return stats.value if stats is not None else None


def _short(before: NestedValue, after: NestedValue) -> str | None:
    """`[6, 8] → [0.6, 0.8]`; None where that would be long, or is not known."""
    if before is None or after is None:
        return None
    texts = wording.elements(before), wording.elements(after)
    return " → ".join(texts) if max(map(len, texts)) <= _LONGEST_VALUE else None


def _norm(norms: Iterable[Number | None]) -> str:
    known = list(norms)
    numbers = [float(one) for one in known if isinstance(one, int | float)]
    return wording.number(math.hypot(*numbers)) if len(numbers) == len(known) else "unknown"


# Steps.


def _step(trace: Trace, step: StepFact, one: BackwardPass) -> list[Block]:
    rule = rule_of(step.call)
    if rule is not None and rule.iteration and one.index in step.own_passes:
        return _around(trace, step, one, rule)
    head = f"Then {step.call}{wording.at(step.location)}{_rates(step)}"
    if step.is_skipped:
        scale = f" (scale {wording.number(step.scale)})" if step.scale is not None else ""
        return [Paragraph(f"{head} was skipped by the GradScaler{scale}: a gradient was not finite.")]
    moved = _moved_leaves(trace, step)
    if not moved:
        return [Paragraph(f"{head}.")]
    rows = _rows(trace, step)
    if len(moved) <= _MOST_NAMED:
        found = [(trace.leaves[change.leaf].name, *_moved(trace, step, change)) for change in moved]
        if not any(terms for *_, terms in found):
            return [Paragraph(f"{head}: {', '.join(f'{name} {pair}' for name, pair, _ in found)}.{_rule(step)}{rows}")]
        facts = [Fact(name, f"{pair}{terms}") for name, pair, terms in found]
        return [Paragraph(f"{head}:{_rule(step)}{rows}"), Facts(tuple(facts))]
    distance = _norm([change.change for change in moved])
    told = (
        f"norm of {wording.count(len(moved), 'parameter')} {_norm([change.before for change in moved])} → "
        f"{_norm([change.after for change in moved])}"
    )
    told += f", moved by {distance}" if distance != "unknown" else ""
    blocks: list[Block] = [Paragraph(f"{head}: {told}.{_rule(step)}{rows}")]
    short = [change for change in moved if _short(change.value_before, change.value_after) is not None]
    if short:
        examples = [(one, *_moved(trace, step, one)) for one in short[:_MOST_EXAMPLES]]
        facts = [Fact(trace.leaves[one.leaf].name, f"{pair}{terms}") for one, pair, terms in examples]
        blocks.append(Facts(tuple(facts)))
    return blocks


def _around(trace: Trace, step: StepFact, one: BackwardPass, rule: UpdateRule) -> list[Block]:
    """A step that ran the pass itself, in a closure, with others: what all of them together did.

    Args:
        trace: the run.
        step: the step.
        one: the pass that is told.
        rule: what is known of the optimizer.
    """
    own = step.own_passes
    which = f", the {wording.ordinal(one.index - own.start + 1)} of its {len(own):,} passes" if len(own) > 1 else ""
    inside = f"Pass {one.index:,} ran inside {step.call}{wording.at(step.location)}{_rates(step)}{which}."
    blocks: list[Block] = [Paragraph(f"{inside} {rule.iteration}")]
    moved = _moved_leaves(trace, step)
    facts = [Fact(trace.leaves[change.leaf].name, _moved(trace, step, change)[0]) for change in moved]
    if len(facts) > _MOST_NAMED:
        norms = f"norm {_norm([each.before for each in moved])} → {_norm([each.after for each in moved])}"
        distance = _norm([each.change for each in moved])
        norms += f", moved by {distance}" if distance != "unknown" else ""
        facts = [Fact(wording.count(len(moved), "parameter"), norms)]
    if all(change.change == 0 for change in moved):
        return [*blocks, Paragraph("The step moved nothing.")]
    iteration = moved_by_iteration(trace, one, step)
    facts += [Fact(f"until pass {one.index + 1:,}", f"moved {iteration}")] if iteration else []
    kept = _last_iteration(step)
    facts += [Fact("the last iteration", kept)] if kept else []
    losses = _losses(trace, own, one)
    facts += [Fact("loss", losses)] if losses else []
    if facts:
        blocks += [Paragraph("The whole step:"), Facts(tuple(facts))]
    return blocks


def _losses(trace: Trace, own: range, like: BackwardPass) -> str:
    """The roots of the first and the last such pass of a step, where they were measured: `1.5 → 0.2 in passes 1, 17`.

    Args:
        trace: the run.
        own: indices of the passes of the step.
        like: one of them; those of other lines start from something else.
    """
    seen = [
        (one.index, root.value)
        for one in trace.passes
        if one.index in own
        and (one.call, one.location) == (like.call, like.location)
        and len(one.roots) == 1
        and (root := one.roots[0]).value is not None
    ]
    if len(seen) < 2:  # noqa: PLR2004
        return ""
    (first, before), (last, after) = seen[0], seen[-1]
    return f"{wording.value(before)} → {wording.value(after)} in passes {first:,}, {last:,}"


def _last_iteration(step: StepFact) -> str:
    """What is kept of the direction of the last iteration and how far it was followed: `t 0.5, |d| = 0.03`."""
    kept = dict(next((change.moments for change in step.changes if change.moments), ()))
    t, d = kept.get("t"), kept.get("d")
    return f"t {wording.number(t)}, |d| = {wording.number(d)}" if t is not None and d is not None else ""


def _moved_leaves(trace: Trace, step: StepFact) -> list[ParameterChange]:
    """Parameters that were measured after the step, in the order of all tables."""
    measured = [change for change in step.changes if change.after is not None]
    return sorted(measured, key=lambda change: natural(trace.leaves[change.leaf]))


def _rates(step: StepFact) -> str:
    """`(lr 0.1, momentum 0.9)`; of groups that differ each value."""
    told = []
    for name in ("lr", *_TOLD_RATES):
        values = [group.rate(name) for group in step.groups]
        texts = list(dict.fromkeys(wording.elements(value) for value in values if value is not None))
        if texts and (name == "lr" or any(isinstance(value, list) or value for value in values)):
            told.append(f"{name} {' and '.join(texts)}")
    return f" ({', '.join(told)})" if told else ""


def _rule(step: StepFact) -> str:
    """What the optimizer does, in a sentence, where its step is no sum of parts for each element."""
    rule = rule_of(step.call)
    return f" {rule.forward}" if rule is not None and not (rule.terms and rule.is_elementwise) else ""


def _moved(trace: Trace, step: StepFact, change: ParameterChange) -> tuple[str, str]:
    """`[3, 4] → [2.94, 3.92]`, or norms; and `: -lr · grad = [-0.06, -0.08]`, where that is known."""
    pair = _short(change.value_before, change.value_after)
    if pair is None:
        text = f"norm {_norm([change.before])} → {_norm([change.after])}"
        return (f"{text}, moved by {_norm([change.change])}" if change.change is not None else text), ""
    parts = step_parts(trace, step, change)
    if not parts:
        return pair, ""
    terms = ", ".join(f"{part.term.maths} = {wording.elements(part.value)}" for part in parts)
    return pair, f": {terms}{_kept(change)}"


def _kept(change: ParameterChange) -> str:
    """What the optimizer keeps of the parameter after the step: `; afterwards exp_avg [0.6, 0.8]`."""
    elements = dict(change.value_moments)
    numbers = {name: value for name, value in change.moments if not isinstance(change.value_before, list)}
    kept: dict[str, NestedValue] = {**numbers, **elements}
    texts = [f"{name} {wording.elements(value)}" for name, value in kept.items() if name != "step"]
    known = [text for text in texts if len(text) <= _LONGEST_VALUE + 20]
    return f"; the optimizer keeps {', '.join(known)}" if known else ""


def _rows(trace: Trace, step: StepFact) -> str:
    """Rows that moved although their gradient was zero."""
    told = [
        f" {wording.count(change.n_moved_rows, 'row')} of {trace.leaves[change.leaf].name} moved without a gradient."
        for change in step.changes
        if change.n_moved_rows
    ]
    return "".join(told[:_MOST_NAMED])
