"""Norms of gradients that are spread over ranks: put together from the parts, or said to be those of one part."""

import math
from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.step_norms import histories
from gradtrace.model import NormPart, NormSeries, OptimizerInfo, RecordedProcess, StepNorms, Trace
from gradtrace.renderers.norms import report


def trace_of(norms: dict[int, list[tuple[float, ...]]], parts: tuple[NormPart, ...]) -> Trace:
    """Ranks whose only optimizer has found these norms of the parts at each step."""
    trace = builders.empty_trace()
    processes = tuple(RecordedProcess(at, 10 + at, rank, 4) for at, rank in enumerate(norms))
    series = tuple(
        NormSeries(
            optimizer=at,
            parts=parts,
            process=at,
            steps=tuple(
                StepNorms(number, total=math.hypot(*found), parts=found, change=1.0, weights=2.0)
                for number, found in enumerate(steps, 1)
            ),
        )
        for at, steps in enumerate(norms.values())
    )
    optimizers = tuple(OptimizerInfo(at, "SGD", 2, process=at) for at in range(len(norms)))
    return replace(trace, run=replace(trace.run, processes=processes), optimizers=optimizers, step_norms=series)


def test_squares_of_the_parts_add_up():
    """A parameter that every rank has whole counts once, on each rank its own."""
    spread, own = NormPart("body", (), (0, 1)), NormPart("head", ())
    found = histories(trace_of({0: [(3.0, 12.0)], 1: [(4.0, 0.0)]}, (spread, own)), None)
    assert [one.steps[0].parts for one in found] == [(5.0, 12.0), (5.0, 0.0)]
    assert [one.steps[0].found.total for one in found] == [13.0, 5.0]
    assert [one.shards for one in found] == [(0, 1)] * 2
    assert found[0].steps[0].ratio is None  # what moved was not measured of each


def test_what_several_ranks_hold_counts_once():
    """Two replicas of two shards."""
    found = histories(
        trace_of({0: [(3.0,)], 1: [(4.0,)], 2: [(3.0,)], 3: [(4.0,)]}, (NormPart("net", (), (0, 1, 2, 3), 2),)), None
    )
    assert {one.steps[0].found.total for one in found} == {5.0}
    assert found[0].steps[0].ratio == pytest.approx(0.5)


def test_a_step_that_one_rank_did_not_reach_has_no_norm():
    """The steps before it have."""
    found = histories(trace_of({0: [(3.0,), (1.0,)], 1: [(4.0,)]}, (NormPart("net", (), (0, 1)),)), None)
    assert [step.found.total for step in found[0].steps] == [5.0, None]


def test_where_a_rank_is_missing_it_is_the_norm_of_a_part():
    """And nothing is said to be clipped, though torch knew the whole norm."""
    trace = trace_of({0: [(3.0,)]}, (NormPart("net", (), (0, 1)),))
    step = replace(trace.step_norms[0].steps[0], before=5.0)
    trace = replace(trace, step_norms=(replace(trace.step_norms[0], steps=(step,)),))
    (found,) = histories(trace, None)
    assert (found.steps[0].found.total, found.steps[0].norm, found.steps[0].is_clipped) == (3.0, 5.0, False)
    assert (found.shards, found.missing) == ((), (1,))
    text = " ".join(report.render(trace, (found,), report.Options()).split())
    assert "those of rank 1 were not recorded: each norm is that of this rank's part" in text
