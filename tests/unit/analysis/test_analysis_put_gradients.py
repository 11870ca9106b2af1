"""Gradients that what shards a model puts into `.grad` while a pass runs: nothing came by the graph, they are there."""

from dataclasses import replace

import builders

from gradtrace.analysis.ledger import Pattern, ledger
from gradtrace.analysis.outcome import untrained
from gradtrace.diagnosis.evidence.timeline import cycles
from gradtrace.model import Effect, EventKind, Reduction, ReductionKind, TensorStats
from gradtrace.text.verdicts import verdict


def test_they_count_as_gradients_of_the_pass():
    """The story says how they came, nothing is untrained, and the pass is in the optimizer's cycle."""
    trace = builders.accumulate_trace()
    leaf = next(one for one in trace.leaves if one.optimizers)
    passes = tuple(
        replace(
            one,
            accumulations=tuple(
                replace(row, contribution=None, before=None, effect=Effect.UNCHANGED) if row.leaf == leaf.id else row
                for row in one.accumulations
            ),
        )
        for one in trace.passes
    )
    events = tuple(
        replace(event, leaves=tuple(one for one in event.leaves if one != leaf.id))
        if event.kind == EventKind.BACKWARD
        else event
        for event in trace.events
    )
    trace = replace(trace, passes=passes, events=events)
    found = ledger(trace).verdicts[leaf.id]
    assert found.pattern is Pattern.PUT_THERE
    assert verdict(found).startswith("no gradient arrived by the graph; one was put into .grad while the pass ran")
    assert leaf not in untrained(trace)
    (history,) = cycles(trace)
    assert all(leaf.id in event.leaves for event in history[0].events if event.kind == EventKind.BACKWARD)


def test_a_rank_that_holds_nothing_of_a_parameter_loses_nothing():
    """Its part of the gradient is empty."""
    trace = builders.accumulate_trace()
    leaf = next(one for one in trace.leaves if one.optimizers)
    empty = TensorStats((0, 8), "float32", 0, 0.0)
    passes = tuple(
        replace(
            one,
            accumulations=tuple(
                replace(row, after=empty, reduced=Reduction(ReductionKind.AVERAGED, 2, is_sharded=True))
                if row.leaf == leaf.id
                else row
                for row in one.accumulations
            ),
        )
        for one in trace.passes
    )
    assert leaf not in untrained(replace(trace, passes=passes))
