"""Two runs side by side: what belongs together, and where they part."""

from dataclasses import replace

import builders
import pytest

from gradtrace.analysis.diff.by_rank import compare_by_rank
from gradtrace.analysis.diff.first import Divergence, first_divergence
from gradtrace.analysis.diff.numbers import alike
from gradtrace.analysis.diff.runs import compare
from gradtrace.analysis.diff.sequences import align
from gradtrace.analysis.diff.source import hunks
from gradtrace.model import EventKind, GradWrite, TensorStats
from gradtrace.renderers.diff.words import sentence


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ("", "", []),
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
        ("abc", "axc", [(0, 0), (2, 2)]),
        ("aab", "ab", [(0, 0), (2, 1)]),
        ("abc", "xyz", []),
    ],
)
def test_sequences_are_aligned(old, new, pairs):
    """Equal items in the order of both."""
    assert align(old, new) == pairs


def _run(write_after=1.0, **optimizer):
    """A run whose gradients are clipped before its second pass, and its optimizer."""
    trace = builders.accumulate_trace()
    at = builders.at
    owner = replace(trace.optimizers[0], location=at(3, "opt = SGD(...)"), **optimizer)
    cleared = next(event for event in trace.events if event.kind == EventKind.ZERO_GRAD)
    clip = replace(
        cleared,
        kind=EventKind.GRAD_MODIFIED,
        call="clip_grad_norm_",
        location=at(7, "clip_grad_norm_(...)"),
        set_to_none=None,
        optimizer=None,
        writes=(GradWrite(trace.leaves[0].id, 3.0, write_after),),
    )
    cleared = replace(cleared, call=f"{owner.type}.zero_grad", leaves=cleared.leaves[: owner.n_params])
    return replace(trace, optimizers=(owner, *trace.optimizers[1:]), events=(cleared, clip))


def test_a_write_that_leaves_another_norm_is_found():
    """Though it is the same call on the same line."""
    first = first_divergence(compare(_run(), _run(write_after=0.1)))
    assert first.kind is Divergence.EVENT
    assert "clip_grad_norm_ leaves a norm of 1 in OLD, 0.1 in NEW" in sentence(first)
    assert first.new.line == 7
    assert first_divergence(compare(_run(), _run(write_after=1.0 + 1e-6))) is None


def test_another_optimizer_is_found_where_it_was_made():
    """Not at the first line at which it does something else."""
    first = first_divergence(compare(_run(), _run(type="Adam")))
    assert (first.kind, first.new.line) == (Divergence.OPTIMIZER, 3)
    assert sentence(first) == f"{_run().optimizers[0].type} in OLD, Adam in NEW"
    first = first_divergence(compare(_run(), _run(n_params=1)))
    assert first.kind is Divergence.OPTIMIZER
    assert "in OLD, 1 in NEW" in sentence(first)


def test_the_rank_that_parts_first_is_shown():
    """By the number of its own pass; what only one run has is a difference too."""
    trace = builders.product_trace()
    first = trace.passes[0]
    rows = tuple(
        replace(row, contribution=TensorStats((), "float32", 1, 9.0, 9.0, 9.0, 9.0, 0, 0, 0, 9.0))
        for row in first.accumulations
    )
    other = replace(trace, passes=(replace(first, accumulations=rows), *trace.passes[1:]))
    same = compare_by_rank({0: trace, 1: trace}, {0: trace, 1: trace})
    assert (same.is_equal, same.rank, same.firsts) == (True, 0, ((0, None), (1, None)))
    found = compare_by_rank({0: trace, 1: trace, 2: trace}, {0: trace, 1: other})
    assert (found.is_equal, found.rank, found.only_old) == (False, 1, (2,))
    assert [first is None for _, first in found.firsts] == [True, False]
    assert not compare_by_rank({0: trace, 1: trace}, {0: trace}).is_equal
    alone = compare_by_rank({None: trace}, {0: trace, 1: trace})
    assert (alone.is_equal, alone.rank, alone.unranked, alone.only_new) == (False, 0, "OLD", (0, 1))


def test_long_sequences_keep_their_order():
    """Where the longest common parts would take too long, equal items are counted through."""
    old = ["first", *["x", "y"] * 600, "last"]
    new = ["other", *["x", "y"] * 590, "inserted", *["x", "y"] * 10, "end"]
    pairs = align(old, new)
    assert len(pairs) == 1200
    assert all(old[a] == new[b] for a, b in pairs)
    assert pairs == sorted(pairs) == sorted(pairs, key=lambda pair: pair[1])


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-6], True),
        ([1.0, 2.0], [1.0, 2.001], False),
        ([1.0, float("nan")], [1.0, float("nan")], True),
        ([1.0, float("nan")], [1.0, 2.0], False),
        ([float("inf")], [float("-inf")], False),
    ],
)
def test_numbers_are_alike_within_rounding(old, new, same):
    """Relative to the largest element, and NaN is like NaN."""
    stats = [TensorStats((len(values),), "float32", len(values), value=values) for values in (old, new)]
    assert alike(*stats) is same


def test_the_dtype_says_how_much_rounding_does():
    """What half precision cannot tell apart is the same there, and not in double precision."""
    for dtype, same in (("float16", True), ("float64", False)):
        old, new = (TensorStats((9,), dtype, 9, norm=norm) for norm in (1.0, 1.001))
        assert alike(old, new) is same


@pytest.mark.parametrize("make", [builders.product_trace, builders.module_net_trace, builders.failed_trace])
def test_a_run_is_like_itself(make):
    """Nothing differs."""
    assert first_divergence(compare(make(), make())) is None


def test_lines_may_move():
    """What belongs together is found by the text of lines, not by their numbers."""
    old = builders.product_trace()
    passes = []
    for one in old.passes:
        nodes = [
            replace(node, location=replace(node.location, line=node.location.line + 7)) if node.location else node
            for node in one.graph.nodes
        ]
        passes.append(replace(one, graph=replace(one.graph, nodes=tuple(nodes))))
    assert first_divergence(compare(old, replace(old, passes=tuple(passes)))) is None


def test_another_gradient_of_a_leaf():
    """It is named, with what both passes added to it."""
    old = builders.product_trace()
    first, *rest = old.passes
    row, *others = first.accumulations
    more = TensorStats(row.contribution.shape, row.contribution.dtype, row.contribution.numel, value=7.0, norm=7.0)
    changed = replace(first, accumulations=(replace(row, contribution=more), *others))
    comparison = compare(old, replace(old, passes=(changed, *rest)))
    name = old.leaves[row.leaf].name
    assert [change.name for change in comparison.gradients[0]] == [name]
    parted = first_divergence(comparison)
    assert (parted.kind, parted.leaf, parted.pass_index) == (Divergence.GRADIENT, name, 1)


def test_lines_of_the_source():
    """Blank lines are no difference."""
    assert hunks(["a", "b", "c"], ["a", "", "c"])[0].old == ((2, "b"),)
    assert hunks(["a"], ["a", "  "]) == ()
    assert hunks(["a"], ["a", " b"])[0].new == ((2, "b"),)
