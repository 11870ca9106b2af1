"""What was not looked at, and what that means for the answer."""

from __future__ import annotations

import signal
from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.coverage import blindness, could_not_look, coverage, gaps
from gradtrace.model import Blind, BlindSpot, PassError, TensorStats, Trace
from gradtrace.text.coverage_words import sentence


def watched(trace: Trace, **fields: object) -> Trace:
    """The same run, recorded for a diagnosis."""
    return replace(trace, run=replace(trace.run, facts=True, **fields))


def reasons(trace: Trace) -> list[str]:
    return [gap.spot.reason for gap in coverage(trace)]


def test_a_run_that_was_watched_to_its_end_has_no_gaps() -> None:
    """Also when it never ran backward."""
    for trace in (builders.product_trace(), builders.empty_trace()):
        assert coverage(watched(trace)) == ()
        assert not could_not_look(watched(trace))


TOTAL = {Blind.NO_TORCH, Blind.OTHER_INTERPRETER, Blind.NOT_INSTALLED}
HARMLESS = {
    *(Blind.COMPILED_REGION, Blind.ASLEEP, Blind.PASSES_NOT_RECORDED),
}


@pytest.mark.parametrize("reason", [*Blind, "a reason of tomorrow"])
def test_each_reason_leaves_the_question_open_or_not(reason: str) -> None:
    """One that nobody knows does: it may be any."""
    trace = watched(builders.product_trace(), blind_spots=(BlindSpot(reason),), status=-9)
    (gap,) = coverage(trace)
    assert gap.severity == ("total" if reason in TOTAL else "partial")
    assert could_not_look(trace) == gap.is_open == (reason not in HARMLESS)
    assert (blindness(trace) is not None) == (reason in TOTAL)


def test_a_recorder_that_failed_before_the_first_pass_saw_nothing() -> None:
    """After it, it saw something."""
    spots = (BlindSpot(Blind.RECORDER_FAILED, "why"),)
    assert blindness(watched(builders.empty_trace(), blind_spots=spots)) is not None
    assert blindness(watched(builders.product_trace(), blind_spots=spots)) is None


def test_who_interrupts_a_program_knows_that_it_ended() -> None:
    """Any other signal leaves open what would have come."""
    interrupted, killed = (gaps([BlindSpot(Blind.KILLED)], -number) for number in (signal.SIGINT, signal.SIGKILL))
    assert (interrupted[0].is_open, killed[0].is_open) == (False, True)


def test_what_was_asked_to_be_recorded_is_told_from_what_went_wrong() -> None:
    """Facts, levels and passes are the person's choice."""
    trace = builders.product_trace()
    one, *others = trace.passes
    counted = [replace(other, graph=None, recorded="ledger") for other in others]
    poor = replace(trace, run=replace(trace.run, level="structure"), passes=(one, *counted))
    assert reasons(poor) == [Blind.NO_FACTS, Blind.STRUCTURE_ONLY, Blind.PASSES_NOT_RECORDED]
    assert all(gap.is_chosen for gap in coverage(poor))
    assert coverage(poor)[-1].spot.count == len(others)


def test_gradients_without_numbers_are_a_gap_of_their_own() -> None:
    """Nobody asked for a cheap recording: the tensors had nothing to show."""
    trace = builders.product_trace()
    (one, *_), blank = trace.passes, TensorStats((), "float32", 1)
    assert one.graph is not None
    edges = tuple(replace(edge, sent=blank) for edge in one.graph.edges)
    unmeasured = replace(trace, passes=(replace(one, graph=replace(one.graph, edges=edges)),))
    assert reasons(watched(unmeasured)) == [Blind.NO_VALUES]


def test_compiled_regions_are_counted() -> None:
    """Of the pass that has most."""
    trace = builders.product_trace()
    (one, *_) = trace.passes
    assert one.graph is not None
    root, *rest = one.graph.nodes
    nodes = (replace(root, type="CompiledFunctionBackward"), *rest)
    compiled = replace(trace, passes=(replace(one, graph=replace(one.graph, nodes=nodes)),))
    (gap,) = coverage(watched(compiled))
    assert (gap.spot.reason, gap.spot.count, gap.is_open) == (Blind.COMPILED_REGION, 1, False)


def test_a_recording_that_ends_within_a_pass_is_cut() -> None:
    """Unless it says already why it ended."""
    trace = watched(builders.product_trace())
    cut = replace(trace, passes=(replace(trace.passes[0], error=PassError("incomplete", "")), *trace.passes[1:]))
    assert reasons(cut) == [Blind.FILE_CUT]
    assert reasons(watched(cut, blind_spots=(BlindSpot(Blind.KILLED),))) == [Blind.KILLED]


def test_the_gravest_comes_first() -> None:
    """Total, open, harmless; each once."""
    spots = [BlindSpot(Blind.ASLEEP), BlindSpot(Blind.FILE_CUT), BlindSpot(Blind.NO_TORCH), BlindSpot(Blind.ASLEEP)]
    assert [gap.spot.reason for gap in gaps(spots, 0)] == [Blind.NO_TORCH, Blind.FILE_CUT, Blind.ASLEEP]


def test_one_pass_over_fake_tensors_leaves_the_others_as_they_are() -> None:
    """The real ones were measured; where none was, the question is open."""
    trace = watched(builders.product_trace(), blind_spots=(BlindSpot(Blind.FAKE_TENSORS),))
    first, *others = trace.passes
    assert first.graph is not None
    unseen = TensorStats((), "float32", 1)
    edges = tuple(replace(edge, sent=unseen) for edge in first.graph.edges)
    fake = replace(first, graph=replace(first.graph, edges=edges))
    some, every = (replace(trace, passes=passes) for passes in ((fake, *others), (fake,)))
    (gap,) = coverage(some)
    assert sentence(gap) == "shapes only: pass 1 computes with fake tensors, which have no values"
    assert not could_not_look(some)
    (gap,) = coverage(every)
    assert sentence(gap) == "shapes only: this program computes with fake tensors, which have no values"
    assert could_not_look(every)
