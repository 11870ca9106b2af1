"""Parameters alike are measured together: each number is the one that the parameter alone would give."""

import json
import math

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import Blind
from gradtrace.recorder import alike, parameter_changes
from gradtrace.recorder.alike import as_rows, key_of, sorted_out
from gradtrace.recorder.numerals import Elements, Numerals
from gradtrace.recorder.readings import Reading, Readings

SIZES = [1, 2, 7, 8, 9, 16, 17, 31, 33, 64, 100, 255, 1023, 1025, 4097, alike._MOST_ELEMENTS]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_norms_together_are_those_of_each_alone(dtype):
    """To the last bit, with one thread or two."""
    torch.manual_seed(0)
    for size in SIZES:
        tensors = [torch.randn(size).to(dtype) for _ in range(5)]
        alone = [Readings().norm(one).value for one in tensors]
        assert [one.value for one in Readings().norms(tensors)] == alone
        others = torch.stack([torch.randn(size).to(dtype) for _ in range(5)])
        apart = [Readings().distance(one, other.clone()).value for one, other in zip(tensors, others, strict=True)]
        assert [one.value for one in Readings().row_distances(torch.stack(tensors), others)] == apart


def test_what_is_odd_goes_alone():
    """Each kind of it has the numbers that it had."""
    odd = [
        torch.ones(2, 3).t(),
        torch.ones(2).expand(3, 2),
        torch.ones(2, dtype=torch.complex64),
        torch.ones(2, dtype=torch.int64),
        torch.ones(3).to_sparse(),
        torch.zeros(0),
        torch.ones(alike._MOST_ELEMENTS + 1),
    ]
    ordinary = [torch.ones(2), torch.full((2,), 2.0), torch.ones(2, dtype=torch.float64)]
    together, alone = sorted_out([*odd, *ordinary])
    assert [positions for _, positions in together] == [[7, 8], [9]]
    assert alone == list(range(7))
    assert [one.value for one in Readings().norms([*odd, *ordinary])] == pytest.approx(
        [Readings().norm(one).value for one in [*odd, *ordinary]], abs=0, rel=0
    )
    assert [key_of(one) for one in (torch.ones(2, device="meta"), "w", None)] == [None, None, None]
    key = key_of(ordinary[0])
    assert as_rows(ordinary[:2], key).tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert as_rows(ordinary, key) is as_rows([], key) is as_rows([torch.ones(1, 2)], key) is None


def test_squares_that_overflow_are_no_infinity():
    """Nor among others whose squares do not."""
    tensors = [torch.full((4,), 1e30), torch.ones(4), torch.tensor([math.inf, 1, 1, 1]), torch.full((4,), math.nan)]
    found = [one.value for one in Readings().norms(tensors)]
    assert found[:3] == [pytest.approx(2e30), 2.0, math.inf]
    assert math.isnan(found[3])


@pytest.mark.parametrize("number", [0.1, -0.0, 1.0, 5e-324, 1.7e308, 12345678901234567.0, math.inf])
def test_a_form_has_places_for_numbers(number):
    """Which stand apart, to the last bit."""
    numerals = Numerals()
    form = f"[{numerals.number(Reading(number))},{numerals.elements(Elements([number] * 2, torch.Size([2, 1])))}]"
    assert json.loads(form) == [{}, [[{}], [{}]]]
    assert [repr(one) for one in numerals.numbers] == [repr(number)] * 3


def test_what_no_number_tells_is_a_word():
    """A truth value is no number, and a whole number no double unless one holds it."""
    numerals = Numerals()
    found = [numerals.rate(one) for one in (None, True, 2**60, 2, "no")]
    found += [numerals.number(None), numerals.number(Reading()), numerals.elements(["nan", 1.0])]
    assert found == ["null", "true", str(2**60), "{}", '"no"', "null", "null", '["nan",{}]']
    assert list(numerals.numbers) == [2.0, 1.0]


def changes_of(session):
    trace = session.trace()
    return {trace.leaves[change.leaf].name: change for change in trace.steps[0].changes}


class Replacing(torch.optim.Optimizer):
    """An optimizer that does odd things to the memory of its parameters."""

    def __init__(self, params, how):
        super().__init__(params, {"lr": 0.5})
        self.how = how

    @torch.no_grad()
    def step(self, closure=None):
        for position, one in enumerate(self.param_groups[0]["params"]):
            one.sub_(one.grad * 0.5)
            if position == 1:
                one.data = self.how(one.detach())


@pytest.mark.parametrize(
    ("how", "is_compared"),
    [
        (lambda one: one.t().contiguous().t(), True),
        (lambda one: one.to(torch.float64), False),
        (lambda one: one[:1].clone(), False),
        (lambda one: torch.full_like(one, math.inf), True),
    ],
)
def test_one_that_is_not_as_it_was_leaves_the_others_alone(how, is_compared, tmp_path):
    """Each of the batch is told as if it stood alone."""
    torch.manual_seed(0)
    with recorded(tmp_path, value_limit=4) as session:
        some = [torch.randn(2, 2, requires_grad=True) for _ in range(3)]
        before = [one.detach().clone() for one in some]
        optimizer = Replacing(some, how)
        sum((one * one).sum() for one in some).backward()
        optimizer.step()
        after = [one.detach().clone() for one in some]

    changes = session.trace().steps[0].changes
    for position, (change, old, new) in enumerate(zip(changes, before, after, strict=True)):
        assert (change.value_before, change.value_after) == (old.tolist(), new.tolist())
        assert (change.before, change.after) == (Readings().norm(old).value, Readings().norm(new).value)
        if position == 1 and not is_compared:
            assert (change.change, change.n_moved_rows) == (None, None)
        else:
            assert change.change == Readings().distance(new, old.clone()).value
            assert change.n_moved_rows == 0


def test_rows_that_moved_are_told_of_each_of_a_batch(tmp_path):
    """Of one all rows had a gradient, of one some; one had none, and no pass has met it; tiny ones are no zeros."""
    with recorded(tmp_path) as session:
        full, part, none, tiny = (nn.Parameter(torch.ones(3, 2)) for _ in range(4))
        optimizer = torch.optim.SGD([full, part, none, tiny], lr=0.5, weight_decay=0.5)
        (full.sum() + part[1].sum() + (tiny * 1e-30).sum()).backward()
        optimizer.step()

    found = changes_of(session)
    assert [(found[name].n_moved_rows, found[name].moved_rows) for name in ("full", "part", "tiny")] == [
        *((0, ()), (2, (0, 2)), (0, ()))
    ]
    assert "none" not in found


def test_where_there_is_room_for_some_of_a_batch_these_are_compared(tmp_path, monkeypatch):
    """The others have their norms alone."""
    monkeypatch.setattr(parameter_changes, "_COPIED", 2 * 4 * 6)
    with recorded(tmp_path) as session:
        some = [torch.ones(3, 2, requires_grad=True) for _ in range(3)]
        optimizer = torch.optim.SGD(some, lr=0.5, weight_decay=0.5)
        sum(one[1].sum() for one in some).backward()
        optimizer.step()

    changes = session.trace().steps[0].changes
    assert [one.n_moved_rows for one in changes] == [2, 2, None]
    assert [one.change is None for one in changes] == [False, False, True]
    assert all(one.after is not None and one.gradient is not None for one in changes)


def test_half_precision_inside_autocast_is_told(tmp_path):
    """There torch refuses to put these together."""
    with recorded(tmp_path) as session:
        some = [torch.ones(2, dtype=torch.float16, requires_grad=True) for _ in range(2)]
        optimizer = torch.optim.SGD(some, lr=0.5)
        sum(one.sum() for one in some).backward()
        with torch.autocast("cpu", torch.bfloat16):
            optimizer.step()

    trace = session.trace()
    assert [(one.before, one.change) for one in trace.steps[0].changes] == [
        (pytest.approx(math.sqrt(2)), pytest.approx(math.sqrt(0.5)))
    ] * 2
    assert [one.text for one in trace.run.blind_spots if one.reason == Blind.OBSERVATION_FAILED] == []


def test_moments_of_many_parameters_are_told(tmp_path):
    """Of each its own, in torch's order."""
    torch.manual_seed(0)
    with recorded(tmp_path) as session:
        net = nn.Sequential(*[nn.Linear(3, 3) for _ in range(3)])
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        net(torch.ones(1, 3)).sum().backward()
        optimizer.step()

    found = changes_of(session)
    for name, one in net.named_parameters():
        kept = optimizer.state[one]
        norms = [Readings().norm(kept[key]).value for key in ("exp_avg", "exp_avg_sq")]
        assert found[name].moments == (("step", 1.0), ("exp_avg", norms[0]), ("exp_avg_sq", norms[1]))
