"""What is said and drawn of the norms of steps."""

import csv
import io
import json
import math
from dataclasses import replace

import builders
import pytest
from builders import at
from golden_files import files
from syrupy.assertion import SnapshotAssertion

from gradtrace.analysis.step_norms import History, histories
from gradtrace.model import LeafKind, NormPart, NormSeries, OptimizerInfo, StepNorms, Trace
from gradtrace.renderers.norms import chart, document, report

NAMES = ("enc.0.weight", "enc.0.bias", "head.weight")


def trace_of(totals: list[float | None], **changes: object) -> Trace:
    """Steps whose gradients are all in the encoder's weight but a tenth, which is in the head; the bias has none."""
    leaf = builders.product_trace().leaves[0]
    leaves = tuple(replace(leaf, id=number, name=name, kind=LeafKind.PARAMETER) for number, name in enumerate(NAMES))
    steps = tuple(
        StepNorms(
            number=number,
            pass_index=number,
            total=total,
            loss=1.0 / number,
            rates=(0.1,),
            change=0.01 if number == 1 else None,
            weights=2.0 if number == 1 else None,
            parts=(total, None, None if total is None else total / 10),
        )
        for number, total in enumerate(totals, 1)
    )
    series = NormSeries(
        optimizer=0,
        parts=tuple(NormPart(name, (number,)) for number, name in enumerate(NAMES)),
        by_parameter=True,
        steps=steps,
        location=at(9, "optimizer.step()"),
        backward=at(7, "loss.backward()"),
    )
    return replace(
        builders.product_trace(),
        leaves=leaves,
        optimizers=(OptimizerInfo(0, "SGD", "optimizer"),),
        passes=(),
        events=(),
        step_norms=(replace(series, **changes),),  # type: ignore[arg-type]
    )


def told(trace: Trace, width: int = 100, *, depth: int | None = 1, ascii_only: bool = False) -> str:
    return report.render(trace, histories(trace, depth), report.Options(width=width, ascii_only=ascii_only))


SPIKED: list[float | None] = [*(1.0 + number % 3 / 10 for number in range(40)), 25.0, *(1.2,) * 9]


def test_spike_is_told_with_its_step_its_line_and_its_size() -> None:
    """Against the median of the steps before it; what follows a spike is none."""
    lines = " ".join(told(trace_of(SPIKED)).split())
    assert (
        "step 41: total norm 25, 23 times the median of the 40 steps before it; loss.backward() at train.py:7" in lines
    )
    assert lines.count("times the median") == 1


def test_steady_training_has_no_spikes() -> None:
    """Nor has one whose norms fall evenly."""
    for totals in ([1.0] * 30, [2.0 * 0.9**number for number in range(60)]):
        assert "times the median" not in told(trace_of([*totals]))
    assert "the total norm falls from" in told(trace_of([2.0 * 0.9**number for number in range(60)]))


@pytest.mark.parametrize(
    ("totals", "said"),
    [
        ([1.0, 1.0, math.nan, math.inf], "the norm is not finite from step 3 on; loss.backward() at train.py:7"),
        ([math.nan, math.nan], "the norm is not finite at every step"),
        ([1.0, math.inf, 1.0, 1.0], "the norm is not finite at step 2"),
        ([1.0, None], "no gradient, or none that could be looked at, at step 2"),
    ],
)
def test_what_is_not_finite_or_not_there(totals: list[float | None], said: str) -> None:
    """From when on, and at which line."""
    assert said in " ".join(told(trace_of(totals)).split())


def test_parts_are_put_together_by_module_or_told_one_by_one() -> None:
    """The root of the squares; of a part without a gradient there is no norm, not zero."""
    trace = trace_of([3.0])
    (by_module,) = histories(trace, 1)
    assert (by_module.parts, by_module.steps[0].parts) == (("enc", "head"), (3.0, 0.3))
    (by_parameter,) = histories(trace, None)
    assert by_parameter.parts == NAMES
    assert by_parameter.steps[0].parts == (3.0, None, 0.3)
    both = replace(trace.step_norms[0].steps[0], parts=(3.0, 4.0, 0.3))
    assert history_of(both).steps[0].parts == (5.0, 0.3)
    assert history_of(replace(both, total=None, parts=(3.0, None, 0.3))).steps[0].parts == (None, 0.3)
    assert "no gradient at any step, or none that could be looked at: enc.0.bias" in told(trace, depth=None)


def history_of(step: StepNorms) -> History:
    (found,) = histories(trace_of([], steps=(step,)), 1)
    return found


@pytest.mark.parametrize("width", [60, 80, 120])
def test_report_fits_and_ascii_is_ascii(width: int) -> None:
    """On terminals of any width; a spike stays in the line however many steps there are."""
    text = told(trace_of([*SPIKED, *(1.2,) * 2_000]), width)
    assert max(map(len, text.splitlines())) <= width
    assert "█" in text
    assert told(trace_of([*SPIKED, math.nan]), width, ascii_only=True).isascii()


def test_report(snapshot: SnapshotAssertion) -> None:
    """As it is at 100 columns."""
    assert told(trace_of([*SPIKED, math.nan, math.nan])) == snapshot(extension_class=files("txt"))


def test_chart(snapshot: SnapshotAssertion) -> None:
    """Byte by byte."""
    trace = trace_of([*SPIKED, math.nan, math.nan])
    assert chart.render(trace, histories(trace, 1)) == snapshot(extension_class=files("svg"))


def test_chart_stays_small_and_names_are_inert() -> None:
    """Whatever a module is called, and however many steps there are."""
    trace = trace_of(SPIKED * 400, parts=tuple(NormPart("<script>&", (number,)) for number in range(3)))
    drawn = chart.render(trace, histories(trace, None))
    assert len(drawn) < 150_000
    assert "<script>" not in drawn


def test_csv_has_a_line_a_step() -> None:
    """Numbers as they were measured; a name that a spreadsheet would run is a text."""
    trace = trace_of([0.1, None, math.inf], parts=(NormPart("=cmd()", (0,)), *map(NormPart, NAMES[1:], ((1,), (2,)))))
    rows = list(csv.DictReader(io.StringIO(document.render_csv(histories(trace, None)))))
    assert [row["total"] for row in rows] == ["0.1", "", "inf"]
    assert [row["update_ratio"] for row in rows] == ["0.005", "", ""]
    assert rows[0]["'=cmd()"] == "0.1"
    assert rows[0]["line"] == "train.py:7"


def test_json_is_strict() -> None:
    """And says which steps stand out."""
    trace = trace_of([*SPIKED, math.nan])
    found = json.loads(document.render_json(trace, histories(trace, 1)))["optimizers"][0]
    assert [one["step"] for one in found["spikes"]] == [41]
    assert found["non_finite"] == [51]
    assert found["steps"][-1]["total"] == "nan"
    assert found["places"][0]["backward"]["line"] == 7
