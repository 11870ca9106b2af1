"""Lines about steps and writes to `.grad`: what the reader makes of them, and what is damage."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import builders
import pytest
from stream_lines import framed, header, line, packed

from gradtrace.errors import RecordingError
from gradtrace.model import GradWrite, Trace
from gradtrace.model.format import Form
from gradtrace.recording import load

LEAF = line(
    "leaf",
    id=7,
    name="w",
    kind="parameter",
    shape=[],
    dtype="float32",
    device="cpu",
    requires_grad=True,
    optimizers=[],
)
OPTIMIZER = line("optimizer", id=3, type="SGD", n_params=1)
STATS = [[], "float32", 1, None, None, None, None, None, None, None, 4.0]


def step(**changes: Any) -> bytes:
    fields = {"pass_index": 1, "began_after": 1, "optimizer": 3, "call": "SGD.step", "rows": [[7, 0, 1.0, "inf"]]}
    return line("step", **{**fields, **changes})


FORM = {"id": 0, "optimizer": 3, "call": "SGD.step", "groups": [{"lr": {}, "betas": [{}, 1]}, {}]}
ROWS = [[7, 0, {}, {}, None, True, None, [[{}], ["nan"]]]]


def form(**changes: Any) -> bytes:
    return line("step_form", **{**FORM, "rows": ROWS, "scale": {}, **changes})


def numbers(*found: float, **changes: Any) -> bytes:
    columns, data = packed(number_d=found)
    fields = {"form": 0, "pass_index": 1, "began_after": 1, "columns": columns}
    return line("step_numbers", data, **{**fields, **changes})


def event(kind: str, **fields: Any) -> bytes:
    return line("event", kind=kind, pass_index=1, **fields)


def one_pass() -> list[bytes]:
    begun = {"call": "Tensor.backward", "roots": [], "retain_graph": False, "create_graph": False, "recorded": "full"}
    moved, data = packed(spec_I=[0], form_B=[Form.ROW], accumulation_i=[7, -1, 0, 0, 0])
    return [
        line("spec", id=0, shape=[2], dtype="float32"),
        line("graph", id=0, n_nodes=0, n_edges=0),
        line("pass", index=1, graph=0, **begun),
        line("flow", data, id=1, effects=["created"], columns=moved),
        line("measured", index=1, flow=1, rows=[STATS[3:]]),
        line("pass_end", index=1),
    ]


def loaded(folder: Path, *lines: bytes) -> Trace:
    path = folder / "run.gtrace"
    path.write_bytes(b"".join(framed([header(builders.run()), LEAF, OPTIMIZER, *lines, line("status", status=0)])))
    return load(path)


def test_a_step_belongs_to_the_next_event_of_its_optimizer(tmp_path: Path) -> None:
    """In the order of both; an event without one has none."""
    trace = loaded(tmp_path, step(), step(), event("step", optimizer=3), event("step", optimizer=3), event("step"))
    assert [one.step and one.step.number for one in trace.events] == [0, 1, None]
    assert trace.steps[0].changes[0].after == float("inf")
    assert trace.events[0].step == trace.steps[0]


def test_a_step_that_was_skipped_has_no_event(tmp_path: Path) -> None:
    """Unless the optimizer was called, and looked by itself."""
    left_alone, called = step(is_skipped=True), step(is_skipped=True, rows=[[7, 0, 1.0, 1.0, 0.0]])
    trace = loaded(tmp_path, left_alone, called, event("step", optimizer=3))
    assert trace.events[0].step == trace.steps[1]


def test_numbers_stand_in_the_places_of_their_form(tmp_path: Path) -> None:
    """In the order of groups, scale and rows; two steps of one form are two."""
    steps = [numbers(0.1, 0.9, 2.0, 1.0, float("inf"), 5.0), numbers(0.2, 0.8, 4.0, 3.0, 6.0, 7.0)]
    first, second = loaded(tmp_path, form(), *steps, event("step", optimizer=3)).steps
    assert [group.rate("lr") for group in first.groups] == [0.1, None]
    assert first.groups[0].rate("betas") == [0.9, 1]
    assert (first.scale, first.changes[0].before, first.changes[0].after) == (2.0, 1.0, float("inf"))
    value = first.changes[0].value_before
    assert isinstance(value, list)
    assert value[0] == [5.0]
    assert math.isnan(value[1][0])
    assert (second.scale, second.changes[0].after, second.call) == (4.0, 6.0, "SGD.step")


@pytest.mark.parametrize(
    ("bad", "number"),
    [
        ((numbers(1.0, form=1),), 4),
        ((form(), numbers(1.0, 2.0, 3.0, 4.0, 5.0)), 5),
        ((form(), numbers(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)), 5),
        ((form(rows=[[{}, 0]]), numbers(1.0, 2.0, 3.0, 4.0)), 5),
        ((form(rows=[[7, 0, {"a": 1}]]), numbers(1.0, 2.0, 3.0)), 5),
        ((form(rows=[[8, 0]]), numbers(1.0, 2.0, 3.0)), 5),
    ],
)
def test_a_form_and_numbers_that_do_not_fit_are_damage(bad: tuple[bytes, ...], number: int, tmp_path: Path) -> None:
    """At the line of the numbers."""
    with pytest.raises(RecordingError, match=f"is damaged at line {number}"):
        loaded(tmp_path, *bad)


def test_what_a_pass_left_is_what_was_before_the_write(tmp_path: Path) -> None:
    """The line names the pass; what no pass tells is unknown."""
    writes = [[7, None, 1, 2.0], [7, 3.0, None, 1.0], [7, None, 9, 1.0]]
    trace = loaded(tmp_path, *one_pass(), event("grad_modified", leaves=[7], writes=writes))
    assert trace.events[0].writes == (GradWrite(0, 4.0, 2.0), GradWrite(0, 3.0, 1.0), GradWrite(0, None, 1.0))
    assert trace.events[0].norm_before is None


@pytest.mark.parametrize(
    "bad",
    [
        step(rows=[[8, 0, 1.0]]),
        step(rows=[[7, 0, "much"]]),
        step(optimizer=4),
        step(location=5),
        step(began_after=2),
        step(pass_index=10**12),
        step(groups=[{"lr": {}}]),
        step(autocast="\u001b[31m"),
        line("scale", pass_index=1, before="much", after=1.0),
        event("grad_modified", writes=[[8, None, None, 1.0]]),
        event("grad_modified", writes=[[7, "much", None, 1.0]]),
    ],
)
def test_what_cannot_be_is_damage(bad: bytes, tmp_path: Path) -> None:
    """At its line."""
    with pytest.raises(RecordingError, match="is damaged at line 4"):
        loaded(tmp_path, bad)
