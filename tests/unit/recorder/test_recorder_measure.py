"""What is measured of a tensor: what was asked for, and no more."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
import recorder_session
import torch
from interruptions import interrupted

from gradtrace.model.format import N_NUMBERS, Form
from gradtrace.model.kinds import Level
from gradtrace.model.needs import ALL, USUAL, Statistic, Tensors, need
from gradtrace.recorder.config import Config
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.measure import Measurements, begins_otherwise
from gradtrace.recorder.tables import Tables

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


@pytest.fixture
def tables(tmp_path) -> Iterator[Tables]:
    """Shapes and dtypes of one stream."""
    journal = Journal(Config(session=tmp_path))
    yield journal.tables
    journal.close()


def measured(tables: Tables, tensor: torch.Tensor, *statistics: Statistic) -> dict[str, object]:
    """The fields of the row that are not empty."""
    measurements = Measurements(tables, 16, frozenset(statistics))
    row = measurements.row(measurements.add(tensor))
    return {name: one for name, one in zip(FIELDS, row[3:], strict=False) if one is not None}


@pytest.mark.parametrize("statistic", Statistic)
def test_only_what_was_asked_for_is_measured(tables, statistic: Statistic) -> None:
    """A norm is always there, because it tells what is finite; nothing else comes along."""
    assert measured(tables, LARGE, statistic).keys() == TOLD[statistic]


def test_everything_can_be_asked_for(tables) -> None:
    """As with `--level full`."""
    found = measured(tables, LARGE, *ALL)
    assert found.keys() == set(FIELDS)
    assert (found["min"], found["max"], found["zero"]) == (-2.0, 29.0, 1)


def test_nothing_is_measured_if_nothing_is_asked_for(tables) -> None:
    """Shape and dtype are known all the same."""
    measurements = Measurements(tables, 16, frozenset())
    assert measurements.row(measurements.add(LARGE)) == [[32], "float32", 32, *[None] * 8]
    small = torch.ones(2)
    known = measurements.add_known(tables.spec(small.shape, small.dtype), small)
    assert measurements.row(known) == [[2], "float32", 2, *[None] * 8]


def test_small_tensors_are_written_down_whole(tables) -> None:
    """From their elements every statistic follows."""
    measurements = Measurements(tables, 16, frozenset({Statistic.FINITE}))
    assert measurements.row(measurements.add(torch.zeros(2)))[-1] == [0.0, 0.0]


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("statistics", [USUAL, ALL, USUAL | {Statistic.ZEROS}], ids=["usual", "all", "some"])
@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize(
    ("number", "dtype", "is_strange", "is_bad"),
    [
        (1.0, torch.float32, False, False),
        (0.0, torch.float32, False, False),
        (0.0, torch.float16, True, False),
        (1.0, torch.float16, False, False),
        (3e38, torch.float32, False, False),
        (INF, torch.float32, True, True),
        (NAN, torch.bfloat16, True, True),
        (complex(1, INF), torch.complex64, True, True),
        (1j, torch.complex64, False, False),
        (0, torch.int64, False, False),
    ],
)
def test_what_is_not_finite_is_told_from_its_numbers(
    tables, number, dtype, n: int, statistics, is_strange: bool, is_bad: bool
) -> None:
    """Of a small tensor and of a large one, whatever was asked for; another beside it changes nothing."""
    measurements = Measurements(tables, 16, statistics)
    measurements.add(torch.full((3,), NAN))
    measurements.look_from_here()
    tensor = torch.full((n,), number, dtype=dtype)
    spec = tables.spec(tensor.shape, tensor.dtype)
    others = [measurements.add(torch.ones(3))]
    one = measurements.add_known(spec, tensor)
    others.append(measurements.add(torch.ones(3)))
    overflows = number == 3e38 and n > 16  # the norm does; this is looked at again
    assert measurements.has_new_strange() == (is_strange or overflows)
    assert not measurements.has_new_strange()
    assert (measurements.is_strange(one), measurements.is_bad(one)) == (is_strange or overflows, is_bad)
    assert not any(map(measurements.is_strange, others))
    assert measurements.has_bad() == is_bad


def test_shape_alone_changes_nothing_about_what_is_strange(tables) -> None:
    """What a view sends on is the same elements."""
    measurements = Measurements(tables, 16, USUAL)
    number = measurements.add(torch.full((4, 10), INF))
    assert measurements.is_bad(measurements.add_reshaped(number, torch.Size((40,)), torch.float32))


def test_what_was_measured_in_part_can_be_completed_before_it_is_written(tables) -> None:
    """All that was measured before and behind it keeps its numbers."""
    measurements = Measurements(tables, 16, USUAL)
    tensors = [torch.ones(2), LARGE, torch.full((2,), 3.0), LARGE * 2, torch.ones(20)]
    numbers = [measurements.add(one) for one in tensors]
    first, values, _ = measurements.take((1, 2))
    assert (len(first["form"]), list(values)) == (1, [1.0, 1.0])
    measurements.complete(numbers[3], tensors[3])
    measurements.complete(numbers[1], tensors[1])
    measurements.complete(numbers[2], tensors[2])  # all is known of a small one
    columns, values, rows = measurements.take()
    assert list(columns["form"]) == [Form.ROW, Form.VALUES, Form.ROW, Form.NORM]
    assert list(values) == [3.0, 3.0, pytest.approx(20**0.5)]
    assert [row[1:3] for row in rows] == [[-2.0, 29.0], [-4.0, 58.0]]
    assert measurements.row(numbers[4])[3] == pytest.approx(20**0.5)


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


def test_tensor_that_several_nodes_save_is_measured_for_each(tmp_path) -> None:
    """The first asks for nothing, and the second for all that is measured."""
    asked = (need(Tensors.SAVED, Statistic.ALL_ZERO, ops=("MmBackward",), names=("mat2",)),)
    with recorder_session.recorded(tmp_path, value_limit=16, facts=True, needs=asked) as session:
        weight = torch.zeros(5, 5, requires_grad=True)
        ((torch.ones(5, 5, requires_grad=True) @ weight) * weight).sum().backward()
    kept = [(node.op, one.name, one.stats) for node in session.trace().passes[0].graph.nodes for one in node.saved]
    assert [(op, name) for op, name, stats in kept if stats is not None and stats.zero == 25] == [("mm", "mat2")]
    assert ("mul", "other") in [(op, name) for op, name, _ in kept]


def test_zeros_are_not_counted_where_something_else_is_seen_at_once(tmp_path) -> None:
    """Asked only whether all of it is zero, a look at the first element mostly does."""
    asked = (need(Tensors.SAVED, Statistic.ALL_ZERO),)
    assert saved(tmp_path, torch.ones(8, 4, requires_grad=True), needs=asked)["mat2"] is None


def test_first_element_is_that_of_the_tensor() -> None:
    """Of a view not that of its storage; a tensor whose first element is zero is left to the count."""
    both = torch.tensor([0.0, 1.0])
    assert (begins_otherwise(both), begins_otherwise(both[1:])) == (False, True)


@pytest.mark.parametrize("is_small", [True, False])
def test_whatever_a_handler_raises_in_the_middle_what_was_measured_is_whole(tables, is_small: bool) -> None:
    """At each instruction once: what is written has all its numbers and rows, and is what was measured."""
    sizes = (3, 4) if is_small else (40, 50)
    n_raised = 0
    for instruction in range(1, 1000):
        measurements = Measurements(tables, 16, ALL)
        measurements.add(torch.ones(sizes[0]))
        is_over = not interrupted(
            Measurements, instruction, KeyboardInterrupt, functools.partial(measurements.add, torch.ones(sizes[1]))
        )
        n_raised += not is_over
        last = measurements.add(torch.full((sizes[0],), 2.0))
        columns, numbers, rows = measurements.take()
        assert len(columns["form"]) == last + 1
        expected = [
            tables.numels[spec] if form == Form.VALUES else N_NUMBERS[form]
            for spec, form in zip(columns["spec"], columns["form"], strict=True)
        ]
        assert len(numbers) == sum(expected)
        assert len(rows) == list(columns["form"]).count(Form.ROW)
        tail = measurements.row(last)
        assert tail[0] == [sizes[0]]
        assert numbers[len(numbers) - expected[-1]] == pytest.approx(2.0 if is_small else 2.0 * sizes[0] ** 0.5)
        if is_over:
            break
    assert is_over
    assert n_raised > 20
