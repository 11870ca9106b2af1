"""Lines about the norms of steps: what contradicts itself is damage, never a number."""

from pathlib import Path
from typing import Any

import builders
import pytest
from stream_lines import content, line, packed, recording

from gradtrace.errors import RecordingError
from gradtrace.recording import load


def loaded(path: Path, *more: bytes) -> Any:
    path.write_bytes(content([*recording(builders.product_trace())[:-1], *more]))
    return load(path)


def series(**changes: Any) -> bytes:
    fields = {"id": 0, "optimizer": 0, "parts": [["w", [0]]], "by_parameter": True, "n_rates": 1, **changes}
    return line("optimizer", id=0, type="SGD", n_params=1) + line("norm_series", **fields)


def norms(**changes: Any) -> bytes:
    one = {"step_I": [1], "pass_I": [1], "flags_B": [1], "loss_d": [2.0], "rate_d": [0.1], "part_d": [-1.0]}
    one |= {key: [-2.0] for key in ("total_d", "before_d", "change_d", "weights_d")}
    columns, data = packed(**{**one, **changes})
    return line("norms", data, series=0, columns=columns)


def two(lines: bytes) -> list[bytes]:
    first, second, _ = lines.split(b"\n")
    return [first + b"\n", second + b"\n"]


def test_marks_of_what_is_not_there_are_no_numbers(tmp_path: Path) -> None:
    """Minus one and minus two are no norms."""
    trace = loaded(tmp_path / "a.gtrace", *two(series()), norms())
    (step,) = trace.step_norms[0].steps
    assert (step.total, step.before, step.change, step.parts) == (None, None, None, (None,))
    assert (step.loss, step.rates) == (2.0, (0.1,))
    trace = loaded(tmp_path / "b.gtrace", *two(series()), norms(flags_B=[0], rate_d=[float("-inf")]))
    (step,) = trace.step_norms[0].steps
    assert (step.loss, step.rates) == (None, (None,))


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ((norms(),), "no series 0"),
        ((*two(series()), norms(part_d=[1.0, 2.0])), "column part of norms does not have 1 numbers"),
        ((*two(series()), norms(total_d=[])), "column total"),
        ((*two(series(parts=[["w", []]])),), "contradicts itself"),
        ((*two(series(parts=[["w", [99]]])),), "there is no leaf 99"),
        ((*two(series(n_rates=-1)),), "contradicts itself"),
    ],
)
def test_lines_that_contradict_are_damage(tmp_path: Path, lines: tuple[bytes, ...], what: str) -> None:
    """With the line and the reason."""
    with pytest.raises(RecordingError, match=what):
        loaded(tmp_path / "a.gtrace", *lines)
