"""The ledger in words and as a table: what each pass found in `.grad`, added, and left, and who touched it."""

from dataclasses import replace

import builders
import pytest
import torch
from builders import at
from recorder_session import recorded

from gradtrace.analysis.ledger import ledger
from gradtrace.model import BackwardPass, Event, PassError, Trace
from gradtrace.renderers.explain.explanation import Options, render
from gradtrace.renderers.explain.ledger import ledger_table
from gradtrace.text.blocks import Paragraph, Table


def _rows(trace: Trace, width: int = 200, **options: bool) -> list[tuple[str, ...]]:
    """The cells of the table, header first."""
    table, *_ = ledger_table(trace, ledger(trace), width, **options)
    assert isinstance(table, Table)
    return [table.header, *(tuple(cell.text for cell in row) for row in table.rows)]


def test_a_row_for_each_pass() -> None:
    """Before, added and after stand in each leaf's column, zeroing before the pass that follows it."""
    assert _rows(builders.product_trace()) == [
        ("pass", "before it", "w.grad", "y.grad", "then"),
        ("1", "", "None + 2 → 2", "None + 0.25 → 0.25", ""),
        ("2", "", "2 + 2 → 4", "0.25 + 0.25 → 0.5", ""),
        ("3", "zero_grad → None", "None + 2 → 2", "None + 0.25 → 0.25", ""),
    ]


def test_step_and_zeroing_after_the_last_pass() -> None:
    """What reads or clears `.grad` after a pass stands behind it."""
    *_, last = _rows(builders.accumulate_trace())
    assert last[0] == "4"
    assert last[-1] == "SGD.step reads it, SGD.zero_grad"


def test_wide_gradients_get_a_row_for_each_leaf() -> None:
    """Where the columns do not fit, the table is turned."""
    rows = _rows(builders.accumulate_trace(), width=60)
    assert rows[0] == ("leaf", "pass", ".grad before", "adds", ".grad after", "")
    assert rows[1][:5] == ("b", "1", "None", "1", "1")


def test_many_leaves_are_told_by_module() -> None:
    """Norms over the leaves of a module, a column for each pass."""
    header, before, first, *_ = _rows(builders.module_net_trace())
    assert header == ("norm of .grad", "pass 1", "pass 2", "pass 3")
    assert before == ("before the pass", *["zero_grad → None"] * 3)
    assert all(cell.startswith("None → ") for cell in first[1:])


def test_a_narrow_table_leaves_out_what_the_verdict_tells_and_says_which_passes_it_has_not() -> None:
    """No row is lost; what is left out is counted."""
    trace = builders.module_net_trace()
    more = tuple(replace(trace.passes[-1], index=number) for number in (4, 5))
    long = replace(trace, passes=(*trace.passes, *more))
    table, rest = ledger_table(long, ledger(long), 200)
    assert isinstance(table, Table)
    assert isinstance(rest, Paragraph)
    assert rest.text == "The table leaves out 2 passes: --pass N tells one."
    (_, before, *whole), (header, *narrow) = _rows(trace), _rows(trace, width=30)
    assert (header, before[0]) == (("norm of .grad", "pass 1", "pass 2"), "before the pass")
    assert [row[0] for row in narrow] == [row[0] for row in whole if row[0] != "after the pass"]


def test_a_counted_pass_does_not_look_measured() -> None:
    """Of a pass of which only the ledger is known there are no numbers."""
    trace = builders.product_trace()
    rows = tuple(replace(row, before=None, contribution=None, after=None) for row in trace.passes[1].accumulations)
    counted = BackwardPass(4, "Tensor.backward", None, (), False, False, "ledger", accumulations=rows, count=20)
    *_, last = _rows(replace(trace, passes=(*trace.passes, counted)))
    assert last == ("4-23", "", "added to", "added to", "")


def test_long_runs_are_shortened() -> None:
    """The first passes and the last one stand for all; --verbose lists them."""
    trace = builders.product_trace()
    later = tuple(replace(trace.passes[1], index=number) for number in range(4, 12))
    long = replace(trace, passes=(*trace.passes, *later))
    assert [row[0] for row in _rows(long)] == ["pass", "1", "2", "3", "4", "… 6 more", "11"]
    assert len(_rows(long, verbose=True)) == 12


def test_a_single_pass_needs_no_table() -> None:
    """One pass is told by the leaf table."""
    trace = builders.linear_trace()
    assert list(ledger_table(trace, ledger(trace), 80)) == []


def test_accumulation_that_is_meant() -> None:
    """Several passes before each step are told apart from forgotten zeroing."""
    said = " ".join(render(builders.accumulate_trace(), Options()).split())
    assert "each step() read the sum of 4 passes: accumulation that looks meant" in said
    assert "forgotten" not in said


@pytest.mark.parametrize(
    ("to_none", "expected"),
    [
        (False, "b got nothing in a pass and kept zeros, which step() still reads"),
        (True, "b got nothing in a pass after .grad was set to None, and step() skips a leaf whose .grad is None"),
    ],
)
def test_a_leaf_that_got_nothing_keeps_zeros_or_none(to_none: bool, expected: str) -> None:
    """The note names it, and says what the step makes of it."""
    trace = builders.accumulate_trace(to_none=to_none)
    events = tuple(replace(event, pass_index=3) if event.kind == "zero_grad" else event for event in trace.events)
    last = replace(trace.passes[3], accumulations=tuple(row for row in trace.passes[3].accumulations if row.leaf != 1))
    said = " ".join(render(replace(trace, events=events, passes=(*trace.passes[:3], last)), Options()).split())
    assert expected in said
    assert "w got nothing" not in said


def test_a_pass_that_did_not_end() -> None:
    """A recording that ends in the middle of a pass says so in a sentence."""
    trace = builders.product_trace()
    error = PassError("incomplete", "the recording ends in the middle of this pass")
    broken = replace(trace, passes=(*trace.passes[:2], replace(trace.passes[2], error=error)))
    said = " ".join(render(broken, Options()).split())
    assert "error: pass 3 did not come to its end: the recording ends in the middle of this pass;" in said


def test_places_do_not_matter() -> None:
    """A zero_grad without a pass after it, and events without a pass before, are no trouble."""
    trace = builders.product_trace()
    events = tuple(replace(event, location=at(1, "x")) for event in trace.events)
    assert _rows(replace(trace, events=events)) == _rows(trace)


def test_whom_clearing_concerns_is_told_where_it_is_not_all() -> None:
    """One act on each of all leaves is one on all."""
    trace = builders.product_trace()
    (zero,) = (event for event in trace.events if event.kind == "zero_grad")
    own = [replace(zero, kind="grad_cleared", call="Tensor.grad = None", leaves=(leaf,)) for leaf in (0, 1)]
    others = [event for event in trace.events if event.kind != "zero_grad"]

    def before_the_third(*events: Event) -> str:
        numbered = (replace(event, order=order) for order, event in enumerate([*others, *events]))
        return _rows(replace(trace, events=tuple(numbered)))[3][1]

    assert before_the_third(*own) == "Tensor.grad = None"
    assert before_the_third(own[0], replace(zero, leaves=(1,))) == "Tensor.grad = None (w), zero_grad → None (y)"


def test_zeroing_leaves_no_zeros_where_there_was_nothing(tmp_path) -> None:
    """Before the first pass `.grad` is None, and stays so."""
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    with recorded(tmp_path, passes=None) as session:
        for _ in range(2):
            optimizer.zero_grad(set_to_none=False)
            (w * w).sum().backward()
            optimizer.step()

    assert [row[1] for row in _rows(session.trace())[1:]] == ["zero_grad", "zero_grad → zeros"]


def test_leaves_of_another_process_are_told_apart() -> None:
    """A fork goes on with the same names."""
    trace = builders.product_trace()
    w, _, *others = trace.leaves
    forked = replace(trace, leaves=(w, replace(trace.leaves[1], name="w", process=1), *others))

    assert _rows(forked)[0] == ("pass", "before it", "w.grad", "w.grad in process 1", "then")
    assert [row[0] for row in _rows(forked, width=50) if row[0]] == ["leaf", "w", "w in process 1"]
