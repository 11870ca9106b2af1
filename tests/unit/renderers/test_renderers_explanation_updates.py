"""What an explanation says of clipping and of steps."""

from __future__ import annotations

from dataclasses import replace

import builders
import pytest

from gradtrace.model import (
    EventKind,
    GradUse,
    GradWrite,
    Leaf,
    LeafKind,
    Move,
    ParameterChange,
    ParameterGroup,
    StepFact,
    Trace,
)
from gradtrace.renderers.explain.moves import moved_after, moved_by_program
from gradtrace.renderers.explain.updates import updates
from gradtrace.text.blocks import Facts, Paragraph

STEP = builders.at(9, "opt.step()")
CLIP = builders.at(8, "clip_grad_norm_(net.parameters(), 1.0)", "clip_grad_norm_(net.parameters(), 1.0)")


def told(*changes: ParameterChange, writes: tuple[tuple[GradWrite, ...], ...] = (), **fields: object) -> list[str]:
    """The lines for one pass after which `.grad` was written to, and one step was taken."""
    tape = builders.Tape()
    w = tape.leaf("w", builders.scalar(2.0))
    story = builders.Story(tape, builders.run())
    story.backward(tape, tape.mul(w, w))
    for write in writes:
        story.event(EventKind.GRAD_MODIFIED, location=CLIP, call="clip_grad_norm_", writes=write)
    trace = story.trace()
    names = ("w", "b", "c", "d")
    leaves = tuple(Leaf(number, name, LeafKind.PARAMETER, (), "float32") for number, name in enumerate(names))
    groups = (ParameterGroup((("lr", 0.1), ("momentum", 0), ("nesterov", False))),)
    facts: dict[str, object] = {"call": "SGD.step", "location": STEP, "groups": groups, **fields}
    step = StepFact(0, 1, 1, 0, changes=changes, **facts)  # type: ignore[arg-type]
    steps = (step,) if changes else ()
    if steps and not step.is_skipped:
        story.event(EventKind.STEP, location=STEP, call="SGD.step", step=step)
        trace = story.trace()
    return lines(replace(trace, leaves=leaves, steps=steps))


def lines(trace: Trace) -> list[str]:
    found = []
    for block in updates(trace, trace.passes[0]):
        if isinstance(block, Facts):
            found += [f"{fact.title} {fact.text}" for fact in block.facts]
        else:
            assert isinstance(block, Paragraph)
            found.append(block.text)
    return found


def test_a_step_tells_small_values_as_they_are() -> None:
    """With the rate, and without what is off."""
    change = ParameterChange(0, before=0.5, after=0.3, change=0.2, value_before=0.5, value_after=0.3)
    assert told(change) == ["Then SGD.step at train.py:9 (lr 0.1): w 0.5 → 0.3."]


def test_large_parameters_are_told_by_their_norms() -> None:
    """And by the norm of the change, where that is known; in the order of all tables."""
    known, unknown = ParameterChange(0, before=3.0, after=2.5, change=1.0), ParameterChange(1, before=1.0, after=2.0)
    assert told(known, unknown) == ["Then SGD.step at train.py:9 (lr 0.1): b norm 1 → 2, w norm 3 → 2.5, moved by 1."]


def test_many_parameters_are_told_together() -> None:
    """Norms over all of them."""
    changes = [ParameterChange(number, before=2.0, after=1.0, change=1.5) for number in range(4)]
    assert told(*changes) == ["Then SGD.step at train.py:9 (lr 0.1): norm of 4 parameters 4 → 2, moved by 3."]


def test_groups_that_differ_are_told_each() -> None:
    """Each rate once."""
    groups = (
        ParameterGroup((("lr", 0.1), ("weight_decay", 0.0))),
        ParameterGroup((("lr", 0.01), ("weight_decay", 0.5))),
    )
    change = ParameterChange(0, value_before=1.0, value_after=2.0, after=2.0)
    assert told(change, groups=groups) == [
        "Then SGD.step at train.py:9 (lr 0.1 and 0.01, weight_decay 0 and 0.5): w 1 → 2."
    ]


def test_rows_that_moved_without_a_gradient_are_told() -> None:
    """Of which parameter."""
    change = ParameterChange(0, before=2.0, after=1.0, n_moved_rows=3, moved_rows=(0, 3, 4))
    assert told(change) == ["Then SGD.step at train.py:9 (lr 0.1): w norm 2 → 1. 3 rows of w moved without a gradient."]


def test_a_step_that_was_skipped_is_told() -> None:
    """It has no event."""
    change = ParameterChange(0, before=2.0, after=2.0)
    assert told(change, is_skipped=True, scale=65536.0) == [
        "Then SGD.step at train.py:9 (lr 0.1) was skipped by the GradScaler (scale 65536): a gradient was not finite."
    ]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [((3.0, 4.0), (0.6, 0.8), "5 → 1"), ((None, 4.0), (0.6, 0.8), "unknown → 1")],
)
def test_clipping_is_told_by_total_norms(before: tuple[float | None, ...], after: tuple[float, ...], text: str) -> None:
    """Over all leaves; what is not known of one is not known of all."""
    writes = tuple(GradWrite(leaf, *pair) for leaf, pair in enumerate(zip(before, after, strict=True)))
    assert told(writes=(writes,)) == [f"Then clip_grad_norm_ at train.py:8: norm of .grad of w and b {text}."]


def test_writes_at_one_place_are_one_change() -> None:
    """From before the first to after the last."""
    assert told(writes=((GradWrite(0, 8.0, 4.0),), (GradWrite(0, 4.0, 2.0),))) == [
        "Then clip_grad_norm_ at train.py:8: norm of .grad of w 8 → 2."
    ]


def test_nothing_known_is_nothing_told() -> None:
    """Events without numbers stand in the ledger."""
    assert told() == []


def test_a_step_is_told_in_the_terms_of_its_rule() -> None:
    """Each with its value, where they add up to what was measured."""
    borne_out = ParameterChange(
        0, before=5.0, after=4.9, value_before=[3.0, 4.0], value_after=[2.94, 3.92], value_gradient=[0.6, 0.8]
    )
    head, *facts = told(borne_out)
    assert head == "Then SGD.step at train.py:9 (lr 0.1):"
    assert facts == ["w [3, 4] → [2.94, 3.92]: -lr · grad = [-0.06, -0.08]"]
    moved_more = replace(borne_out, value_after=[2.0, 2.0])
    assert told(moved_more) == ["Then SGD.step at train.py:9 (lr 0.1): w [3, 4] → [2, 2]."]


def around(change: ParameterChange) -> list[str]:
    """The lines for the first of three passes that one step of LBFGS ran."""
    tape = builders.Tape()
    w = tape.leaf("w", builders.scalar(2.0))
    story = builders.Story(tape, builders.run())
    for _ in range(3):
        story.backward(tape, tape.mul(w, w))
    groups = (ParameterGroup((("lr", 0.5),)),)
    step = StepFact(0, 3, 0, 0, call="LBFGS.step", location=STEP, groups=groups, changes=(change,))
    story.event(EventKind.STEP, location=STEP, call="LBFGS.step", step=step)
    return lines(replace(story.trace(), steps=(step,)))


def test_a_step_that_ran_the_pass_itself_is_told_as_a_whole() -> None:
    """Which of its passes it is, how an iteration moves, and what was measured around all of them."""
    moments = (("d", 0.25), ("t", 0.5))
    change = ParameterChange(0, before=2.0, after=1.0, change=1.0, value_before=2.0, value_after=1.0, moments=moments)
    head, whole, *facts = around(change)
    assert head.startswith("Pass 1 ran inside LBFGS.step at train.py:9 (lr 0.5), the 1st of its 3 passes. Each iter")
    assert whole == "The whole step:"
    assert facts == ["w 2 → 1", "the last iteration t 0.5, |d| = 0.25", "loss 4 → 4 in passes 1, 3"]


def test_a_step_that_ran_passes_and_moved_nothing_says_so() -> None:
    """What it kept is of an earlier one then."""
    change = ParameterChange(0, before=2.0, after=2.0, change=0.0, moments=(("d", 0.25), ("t", 0.5)))
    assert around(change)[1:] == ["The step moved nothing."]


def by_hand(n_leaves: int, *, change: float) -> tuple[list[str], str]:
    """What is said after the first of two passes between which the program moved leaves, and at the top."""
    tape = builders.Tape()
    w = tape.leaf("w", builders.scalar(2.0))
    story = builders.Story(tape, builders.run())
    for _ in range(2):
        story.backward(tape, tape.mul(w, w))
    story.event(EventKind.GRAD_CLEARED, location=CLIP, call="zero_")
    trace = story.trace()
    leaves = tuple(Leaf(number, f"w{number}", LeafKind.TENSOR, (), "float32") for number in range(n_leaves))
    moves = tuple(Move(leaf.id, 2, change) for leaf in leaves)
    uses = tuple(GradUse(1, tuple(range(n_leaves)), place) for place in (STEP, CLIP))
    trace = replace(trace, leaves=leaves, moves=moves, grad_uses=uses)
    blocks = [block for block in moved_after(trace, trace.passes[0]) if isinstance(block, Paragraph)]
    assert not list(moved_after(trace, trace.passes[1]))
    return [block.text for block in blocks], moved_by_program(trace)


def test_moves_by_the_program_itself_are_told_with_the_lines_that_read_the_gradient() -> None:
    """Not with those that clear it; of many leaves together; not of leaves that stayed."""
    (said,), at_the_top = by_hand(2, change=0.5)
    assert said == (
        "Then, before pass 2, the program itself moved w0 by 0.5 and w1 by 0.5 (2-norm of the change); it reads "
        ".grad at train.py:9."
    )
    assert at_the_top == "the program itself, which reads .grad at train.py:9"
    assert "the program itself moved 4 leaves by 1 together (" in by_hand(4, change=0.5)[0][0]
    assert by_hand(2, change=0.0) == ([], "")
