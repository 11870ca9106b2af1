"""What is said of programs about which something false was said: each runs, and its findings and sentences are read."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import forked_runs
import pytest

from gradtrace.analysis.ledger import Pattern, ledger
from gradtrace.analysis.reasons import why
from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Trace
from gradtrace.renderers.explain import explanation
from gradtrace.renderers.why import reason

PROGRAMS = (
    *("never_zeroed", "cleared_in_many_ways", "jacobian_trace", "multitask", "maml", "numbers_that_are_shown"),
    *("numbers_in_the_loss", "reads_three", "two_nets", "attack_before_training", "thawed_late", "steps_at_two_rates"),
    *("outputs_of_one_op", "scaled"),
)
SOUND = (
    *("cleared_in_many_ways", "jacobian_trace", "multitask", "maml", "numbers_that_are_shown", "two_nets"),
    *("thawed_late", "steps_at_two_rates", "outputs_of_one_op", "scaled"),
)


@cache
def traces() -> dict[str, Trace]:
    """All programs, in forks of one process."""
    folder = Path(__file__).parent.parent / "faults"
    return dict(zip(PROGRAMS, forked_runs.record([folder / f"{name}.py" for name in PROGRAMS]), strict=True))


def explained(name: str) -> str:
    return " ".join(explanation.render(traces()[name], explanation.Options()).split())


def answered(name: str, asked: str) -> str:
    return " ".join(reason.render(why(traces()[name], asked), reason.Options()).split())


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_program_gets_no_finding(name: str) -> None:
    """It ran to its end, and no rule says anything, not even as an aside."""
    trace = traces()[name]
    assert (trace.run.status, trace.run.error) == (0, None)
    assert [(one.rule, one.message) for one in diagnose(trace).findings if one.severity != "info"] == []


def test_zeros_that_a_pass_added_are_no_clearing() -> None:
    """What the second pass found was what the first one had left."""
    assert "w: accumulates over passes 1-3 and is never zeroed." in explained("never_zeroed")


def test_every_way_of_clearing_is_one() -> None:
    """Whatever the program wrote: the ledger says that each pass found nothing, and nothing else changed it."""
    trace = traces()["cleared_in_many_ways"]
    verdicts = ledger(trace).verdicts
    assert {verdict.pattern for verdict in verdicts} == {Pattern.ZEROED}
    assert {verdict.n_modified for verdict in verdicts} == {0}
    assert all(verdict.clearers and verdict.clearers[0].call for verdict in verdicts)


def test_an_accumulation_is_meant_only_where_a_batch_was_split() -> None:
    """Passes of other lines, other heads or other steps are told as what they are."""
    for name in ("multitask", "attack_before_training", "steps_at_two_rates", "two_nets"):
        assert "looks meant" not in explained(name)
    said = explained("attack_before_training")
    assert "from attack_before_training.py:12 and attack_before_training.py:14" in said


def test_a_step_is_told_of_the_leaves_that_it_reads() -> None:
    """After the first pass the discriminator's optimizer steps, which holds nothing of the generator."""
    said = explained("two_nets")
    assert "Adam.step reads disc.* Adam.step reads gen.* Adam.step reads disc.*" in said
    assert "zero_grad → None (disc.*)" in said
    assert "(passes 1-40)" in said
    assert "step() after the 1st" in said


def test_numbers_in_the_loss_are_found() -> None:
    """One comes from another function, the other by way of a product."""
    found = [one for one in diagnose(traces()["numbers_in_the_loss"]).findings if one.rule == "item-in-loss"]
    assert [one.location.line for one in found if one.location] == [11, 19]


def test_the_gradient_that_was_read_is_named() -> None:
    """The second of three."""
    (found,) = diagnose(traces()["reads_three"]).findings
    assert (found.rule, found.message) == ("nonleaf-grad-read", "x is not a leaf: its .grad is None")


def test_passes_that_were_only_counted_are_told() -> None:
    """The whole run is 40 passes, of which 20 were recorded in full."""
    said = answered("thawed_late", "body.weight")
    assert "pass 31 at thawed_late.py:15 added to its .grad; --passes 31 measures how much." in said
    assert "Passes 31-40 add to it. Passes 1-30 did not reach it." in said
    assert "zeroed before each of 10 passes" in explained("thawed_late")
    assert "Passes 1-40 add to it." in answered("thawed_late", "head.weight")


def test_gradients_of_different_outputs_are_not_added_up() -> None:
    """Three ways lead to three outputs of `unbind`."""
    said = answered("outputs_of_one_op", "w")
    assert "by 3 ways, to different outputs of unbind at outputs_of_one_op.py:7" in said
    assert "add up" not in said
