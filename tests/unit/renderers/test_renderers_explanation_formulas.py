"""Closed forms stand beside recorded gradients, and only where the numbers of the run confirm them."""

from dataclasses import replace

import builders

from gradtrace.model import Trace
from gradtrace.renderers.explain.explanation import Options, render
from gradtrace.renderers.explain.formulas import formulas_of_leaves


def _found(trace: Trace) -> dict[int, str]:
    return formulas_of_leaves(trace, trace.passes[0])


def test_confirmed() -> None:
    """Both derivatives of the introduction's expression."""
    assert _found(builders.product_trace()) == {0: "∂root/∂w = 2·w·y", 1: "∂root/∂y = w²"}


def test_another_number_was_recorded() -> None:
    """A formula that gives another number than the run is left out silently; the others stay."""
    trace = builders.product_trace()
    one = trace.passes[0]
    rows = tuple(
        replace(row, contribution=builders.stats(builders.scalar(2.1))) if row.leaf == 0 else row
        for row in one.accumulations
    )
    wrong = replace(trace, passes=(replace(one, accumulations=rows), *trace.passes[1:]))
    assert _found(wrong) == {1: "∂root/∂y = w²"}


def test_start_gradient_is_a_factor() -> None:
    """What backward starts with multiplies every derivative, and is named."""
    trace = builders.product_trace()
    one = trace.passes[0]
    twice = builders.stats(builders.scalar(2))
    rows = tuple(
        replace(row, contribution=builders.stats(builders.scalar(4.0 if row.leaf == 0 else 0.5)))
        for row in one.accumulations
    )
    started = replace(one, roots=(replace(one.roots[0], gradient=twice),), accumulations=rows)
    assert _found(replace(trace, passes=(started,)))[0] == "∂root/∂w = 2·w·y  (times 2)"


def test_programs_have_none() -> None:
    """Only an expression has a source that can be read as a formula."""
    trace = builders.product_trace()
    assert _found(replace(trace, run=replace(trace.run, expression=None))) == {}


def test_below_the_table_where_the_line_is_narrow() -> None:
    """A formula is never cut: where the column does not fit, the formulas stand on lines of their own."""
    text = render(builders.product_trace(), Options(width=70))
    assert "\n  ∂root/∂w = 2·w·y\n  ∂root/∂y = w²\n" in text
    assert "closed form" not in text
