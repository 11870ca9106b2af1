"""What is measured of a tensor: what was asked for, and no more."""

from __future__ import annotations

import pytest
import recorder_session
import torch

from gradtrace.model.kinds import Level
from gradtrace.model.needs import ALL, USUAL, Statistic, Tensors, need
from gradtrace.recorder.config import Config
from gradtrace.recorder.measure import Measurements, begins_otherwise

LARGE = torch.arange(-2.0, 30.0)
FIELDS = ("norm", "min", "max", "mean", "nan", "inf", "zero")
TOLD = {
    Statistic.NORM: {"norm", "nan", "inf"},
    Statistic.FINITE: {"norm", "nan", "inf"},
    Statistic.ZEROS: {"norm", "nan", "inf", "zero"},
    Statistic.ALL_ZERO: {"norm", "nan", "inf", "zero"},
    Statistic.EXTREMES: {"norm", "nan", "inf", "min", "max"},
    Statistic.MEAN: {"norm", "nan", "inf", "mean"},
    Statistic.VALUES: {"norm", "nan", "inf"},
}


def measured(tensor: torch.Tensor, *statistics: Statistic) -> dict[str, object]:
    """The fields of the row that are not empty."""
    measurements = Measurements(16, frozenset(statistics))
    row = measurements.decoded(measurements.add(tensor))
    return {name: one for name, one in zip(FIELDS, row[3:], strict=False) if one is not None}


@pytest.mark.parametrize("statistic", Statistic)
def test_only_what_was_asked_for_is_measured(statistic: Statistic) -> None:
    """A norm is always there, because it tells what is finite; nothing else comes along."""
    assert measured(LARGE, statistic).keys() == TOLD[statistic]


def test_everything_can_be_asked_for() -> None:
    """As with `--level full`."""
    found = measured(LARGE, *ALL)
    assert found.keys() == set(FIELDS)
    assert (found["min"], found["max"], found["zero"]) == (-2.0, 29.0, 1)


def test_nothing_is_measured_if_nothing_is_asked_for() -> None:
    """Shape and dtype are known all the same."""
    measurements = Measurements(16, frozenset())
    assert measurements.decoded(measurements.add(LARGE)) == [[32], "float32", 32, *[None] * 8]


def test_small_tensors_are_written_down_whole() -> None:
    """From their elements every statistic follows."""
    measurements = Measurements(16, frozenset({Statistic.FINITE}))
    assert measurements.decoded(measurements.add(torch.zeros(2)))[-1] == [0.0, 0.0]


def test_level_and_needs_say_what_is_measured(tmp_path) -> None:
    """The person's level counts first; at the default one the needs do, and without needs what is usual."""
    asked = (need(Tensors.ROOTS, Statistic.MEAN), need(Tensors.LEAVES, Statistic.ZEROS))
    config = Config(tmp_path, needs=asked)
    assert config.statistics(Tensors.ROOTS) == {Statistic.MEAN}
    assert config.statistics(Tensors.GRADIENTS, Tensors.LEAVES) == {Statistic.ZEROS}
    assert Config(tmp_path).statistics(Tensors.ROOTS) == USUAL
    assert Config(tmp_path, needs=asked, level=Level.FULL).statistics(Tensors.RESULTS) == ALL
    assert Config(tmp_path, needs=asked, level=Level.STRUCTURE).statistics(Tensors.ROOTS) == frozenset()


def saved(tmp_path, weight: torch.Tensor, **options: object):
    """Statistics of what one product saved, by name."""
    with recorder_session.recorded(tmp_path, value_limit=16, facts=True, **options) as session:
        (torch.ones(5, 8, requires_grad=True) @ weight).sum().backward()
    nodes = session.trace().passes[0].graph.nodes
    return {one.name: one.stats for node in nodes if node.op == "mm" for one in node.saved}


@pytest.mark.parametrize(
    ("asked", "zeros"),
    [
        ((need(Tensors.SAVED, Statistic.ALL_ZERO, ops=("MmBackward",), names=("mat2",)),), 32),
        ((need(Tensors.SAVED, Statistic.ALL_ZERO, ops=("MvBackward",)),), None),
        ((need(Tensors.SAVED, Statistic.ALL_ZERO, names=("self",)),), None),
        ((), None),
    ],
)
def test_saved_tensors_are_measured_where_a_need_names_them(tmp_path, asked, zeros: int | None) -> None:
    """By the type of the node and the name of the tensor."""
    stats = saved(tmp_path, torch.zeros(8, 4, requires_grad=True), needs=asked)["mat2"]
    assert (None if stats is None else stats.zero) == zeros


def test_zeros_are_not_counted_where_something_else_is_seen_at_once(tmp_path) -> None:
    """Asked only whether all of it is zero, a look at the first element mostly does."""
    asked = (need(Tensors.SAVED, Statistic.ALL_ZERO),)
    assert saved(tmp_path, torch.ones(8, 4, requires_grad=True), needs=asked)["mat2"] is None


def test_first_element_is_that_of_the_tensor() -> None:
    """Of a view not that of its storage; a tensor whose first element is zero is left to the count."""
    both = torch.tensor([0.0, 1.0])
    assert (begins_otherwise(both), begins_otherwise(both[1:])) == (False, True)
