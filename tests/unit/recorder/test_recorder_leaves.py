"""Leaves are known over passes, and their `.grad` is looked at only while no other engine may replace it."""

import gc
import json
import threading

import pytest
import torch
from torch import nn

from gradtrace.model.kinds import Effect, LeafKind
from gradtrace.model.needs import USUAL
from gradtrace.recorder.config import Config
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.marks import mark
from gradtrace.recorder.measure import Measurements
from gradtrace.recorder.names import Names
from gradtrace.recorder.pass_leaves import PassLeaves

HERE = threading.get_ident()
ELSEWHERE = HERE + 1


@pytest.fixture
def journal(tmp_path):
    made = Journal(Config(session=tmp_path))
    yield made
    made.close()


@pytest.fixture
def leaves(journal):
    return Leaves(journal, Names(), 10)


def lines(journal):
    return [one for one in map(json.loads, journal.stream.path.read_text().splitlines()) if one["t"] == "leaf"]


def leaf(grad=None):
    made = torch.ones(2, requires_grad=True)
    made.grad = grad
    return made


def test_a_leaf_is_written_once_and_known_again(leaves, journal):
    """By identity, not by value."""
    one, two = leaf(), leaf()
    numbers = [leaves.get(tensor, None).id for tensor in (one, two, one)]

    assert numbers == [0, 1, 0]
    assert [(line["id"], line["name"], line["value"]) for line in lines(journal)] == [
        (0, "leaf 0", [1.0, 1.0]),
        (1, "leaf 1", [1.0, 1.0]),
    ]


def test_a_leaf_is_not_kept_alive_and_its_place_is_given_to_nobody(leaves):
    """A tensor at the address of one that has died is another leaf."""
    numbers = []
    for _ in range(3):
        tensor = leaf()
        numbers.append(leaves.get(tensor, None).id)
        del tensor
        gc.collect()

    assert numbers == [0, 1, 2]
    assert leaves.states == {}


def test_a_given_name_is_its_name(leaves, journal):
    """Also of a parameter; a tensor that comes later to its address does not inherit it."""
    tensor = nn.Parameter(torch.ones(2))
    leaves.name(tensor, "mine")
    leaves.get(tensor, None)
    other = leaf()
    leaves._given[id(other)] = leaves._given[id(tensor)]
    leaves.get(other, None)

    assert [(line["name"], line["kind"]) for line in lines(journal)] == [
        ("mine", LeafKind.TENSOR),
        ("leaf 1", LeafKind.TENSOR),
    ]


def test_a_lazy_parameter_is_written_again_when_it_has_a_shape(leaves, journal):
    """Until then it has none."""
    module = nn.LazyLinear(2)
    state = leaves.get(module.weight, None)

    assert (state.is_named, lines(journal)[0]["shape"], lines(journal)[0]["value"]) == (False, [], None)


def test_values_of_big_leaves_are_not_written(leaves, journal):
    """Nor those of tensors without memory."""
    tensors = [
        torch.ones(11, requires_grad=True),
        torch.ones(2, device="meta", requires_grad=True),
    ]
    for tensor in tensors:
        leaves.get(tensor, None)

    assert [(line["shape"], line["value"]) for line in lines(journal)] == [([11], None), ([2], None)]


def test_owners_are_written_when_they_change(leaves, journal):
    """And only then."""
    tensor = leaf()
    state = leaves.get(tensor, None)
    for owners in ([], [1], [1], [1, 2]):
        leaves.own(state, owners)

    assert [line["optimizers"] for line in lines(journal)] == [[], [1], [1, 2]]


# Whose leaves may be touched.


def test_leaves_of_a_pass_on_another_thread_are_not_touched(leaves):
    """Those of other passes are; and all when it is over."""
    tensors = [leaf(), leaf()]
    states = [leaves.get(one, None) for one in tensors]
    leaves.engine_begins(1, ELSEWHERE, frozenset([states[0].id]))
    during = [leaves.may_touch(state, HERE) for state in states]
    there = [leaves.may_touch(state, ELSEWHERE) for state in states]
    leaves.engine_ends(1)

    assert (during, there) == ([False, True], [True, True])
    assert [leaves.may_touch(state, HERE) for state in states] == [True, True]
    assert not leaves.was_concurrent


def test_no_leaf_is_touched_while_a_pass_that_nobody_looked_at_runs_elsewhere(leaves):
    """It may run over any."""
    tensor = leaf()
    state = leaves.get(tensor, None)
    leaves.engine_begins(1, ELSEWHERE, None)
    during = leaves.may_touch(state, HERE), leaves.may_touch(state, ELSEWHERE)
    leaves.engine_ends(1)

    assert during == (False, True)
    assert leaves.may_touch(state, HERE)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((HERE, None), (HERE, None), False),
        ((HERE, frozenset()), (ELSEWHERE, frozenset()), False),
        ((HERE, None), (ELSEWHERE, frozenset()), True),
        ((HERE, frozenset()), (ELSEWHERE, None), True),
        ((HERE, None), (ELSEWHERE, None), True),
    ],
)
def test_engines_side_by_side_over_unknown_leaves_are_remembered(leaves, first, second, expected):
    """A pass inside a pass of the same thread is not side by side."""
    leaves.engine_begins(1, *first)
    leaves.engine_begins(2, *second)
    leaves.engine_ends(1)
    leaves.engine_ends(2)

    assert leaves.was_concurrent is expected


def test_passes_one_after_the_other_are_not_side_by_side(leaves):
    """On whichever threads."""
    for index, thread in enumerate((HERE, ELSEWHERE, HERE)):
        leaves.engine_begins(index, thread, None)
        leaves.engine_ends(index)

    assert not leaves.was_concurrent


def test_a_thread_owns_the_leaves_that_it_met_first(leaves):
    """Nobody owns any once engines ran side by side; one that dies is owned no more."""
    tensors = [leaf(), leaf(), leaf()]
    states = [leaves.get(one, None) for one in tensors]
    for state, thread in zip(states, (HERE, ELSEWHERE, HERE), strict=True):
        leaves.meet(state, thread)
    leaves.meet(states[0], ELSEWHERE)
    both = leaves.owned(HERE), leaves.owned(ELSEWHERE)
    again = leaves.owned(HERE)
    del tensors[0]
    gc.collect()
    after = leaves.owned(HERE)
    leaves.was_concurrent = True

    assert both == ([states[0], states[2]], [states[1]])
    assert again is both[0]
    assert after == [states[2]]
    assert leaves.owned(HERE) == []


def test_an_engine_waits_until_nobody_looks(leaves):
    """On another thread it begins only when this one has looked."""
    order = []

    def begin():
        started.set()
        leaves.engine_begins(1, threading.get_ident(), None)
        order.append("begins")
        leaves.engine_ends(1)

    started = threading.Event()
    thread = threading.Thread(target=begin)
    with leaves.touching():
        thread.start()
        assert started.wait(20)
        thread.join(0.05)
        order.append("looked")
    thread.join()

    assert order == ["looked", "begins"]


# Whose `.grad` a tensor is.


def test_a_grad_is_known_by_its_data(leaves):
    """And a view of the same data is it too."""
    tensor = leaf(torch.ones(2))
    state = leaves.get(tensor, None)
    unknown = leaves.has_grads, leaves.whose_grad(tensor.grad)
    leaves.remember_grads([state.id])

    assert unknown == (False, None)
    assert leaves.has_grads
    assert leaves.whose_grad(tensor.grad) is state
    assert leaves.whose_grad(tensor.grad[:]) is state
    assert leaves.whose_grad(tensor.grad.clone()) is None
    assert [leaves.whose_grad(one) for one in (None, 1, torch.ones(2, device="meta"))] == [None] * 3


def test_an_address_that_was_given_to_another_tensor_is_not_a_grad(leaves):
    """The leaf has another `.grad` since, or none, and nobody told."""
    memory = torch.ones(2)
    tensor = leaf(memory)
    state = leaves.get(tensor, None)
    leaves.remember_grads([state.id])
    tensor.grad = None
    without = leaves.whose_grad(memory)
    tensor.grad = torch.zeros(2)
    with_another = leaves.whose_grad(memory), leaves.whose_grad(tensor.grad)

    assert without is None
    assert with_another == (None, None)


def test_a_grad_is_not_looked_for_while_another_engine_may_replace_it(leaves):
    """Then it is nobody's."""
    tensor = leaf(torch.ones(2))
    state = leaves.get(tensor, None)
    leaves.remember_grads([state.id])
    leaves.engine_begins(1, ELSEWHERE, None)
    during = leaves.whose_grad(tensor.grad)
    leaves.engine_ends(1)

    assert during is None
    assert leaves.whose_grad(tensor.grad) is state


def test_the_grad_of_a_leaf_that_has_died_is_nobody_s(leaves):
    """Though the program kept it."""
    tensor = leaf(torch.ones(2))
    grad = tensor.grad
    leaves.remember_grads([leaves.get(tensor, None).id])
    del tensor
    gc.collect()

    assert leaves.whose_grad(grad) is None


def test_a_grad_that_is_gone_is_forgotten(leaves):
    """Its address too, unless another leaf has it since."""
    one, two = leaf(torch.ones(2)), leaf()
    first, second = leaves.get(one, None), leaves.get(two, None)
    leaves.remember_grads([first.id, second.id])
    two.grad, one.grad = one.grad, None
    leaves.remember(second, two.grad)
    leaves.remember(first, None)

    assert (first.has_grad, first.version, first.grad_pointer) == (False, -1, 0)
    assert leaves.whose_grad(two.grad) is second
    leaves.remember(second, None)
    assert not leaves.has_grads


def test_a_child_process_begins_anew(leaves, journal):
    """Its stream defines every leaf again."""
    tensor = leaf(torch.ones(2))
    leaves.remember_grads([leaves.get(tensor, None).id])
    leaves.engine_begins(1, ELSEWHERE, None)
    leaves.after_fork()
    state = leaves.get(tensor, None)

    assert (state.id, leaves.has_grads, leaves.may_touch(state, HERE)) == (0, False, True)
    assert [line["id"] for line in lines(journal)] == [0, 0]


# The leaves of one pass.


def ledger(leaves, tensors, *, accumulates=True):
    of_pass = {number: (leaves.get(one, None), one) for number, one in enumerate(tensors)}
    measured = Measurements(leaves._journal.tables, 10, USUAL)
    return PassLeaves(leaves, of_pass, measured, HERE, accumulates=accumulates), measured


def values(measured, row):
    """The row with what was measured in place of the numbers of measurements."""
    measured.settle()
    return [row[0], *(None if one is None else measured.row(one)[-1] for one in row[1:4]), row[4]]


def contribute(one, measured, number, tensor):
    one.contributions[number] = (measured.add(tensor), mark(tensor))


def test_what_a_pass_did_to_its_leaves(leaves):
    """Created, added to, and left as it was."""
    tensors = [leaf(), leaf(torch.ones(2)), leaf(torch.ones(2))]
    one, measured = ledger(leaves, tensors)
    one.measure_before()
    for number in (0, 1):
        one.arrives(number)
        contribute(one, measured, number, torch.full((2,), 3.0))
    tensors[0].grad = torch.full((2,), 3.0)
    tensors[1].grad += 3.0
    rows = one.rows(set())

    assert [row[4] for row in rows] == [Effect.CREATED, Effect.ACCUMULATED, Effect.UNCHANGED]
    assert [values(measured, row)[1:4] for row in rows] == [
        [None, [3.0, 3.0], [3.0, 3.0]],
        [[1.0, 1.0], [3.0, 3.0], [4.0, 4.0]],
        [[1.0, 1.0], None, [1.0, 1.0]],
    ]


def test_a_grad_that_is_the_contribution_itself_is_measured_once(leaves):
    """The engine takes it over when nobody else holds it."""
    tensor, arrived = leaf(), torch.ones(2)
    one, measured = ledger(leaves, [tensor])
    one.measure_before()
    contribute(one, measured, 0, arrived)
    tensor.grad = arrived
    row = one.rows(set())[0]

    assert row[2] == row[3]


def test_what_the_program_changes_before_it_arrives_is_what_was_there_before(leaves):
    """A hook of another node may, or a pass inside this one."""
    tensor = leaf(torch.ones(2))
    one, measured = ledger(leaves, [tensor])
    one.measure_before()
    tensor.grad.mul_(5.0)
    one.arrives(0)
    contribute(one, measured, 0, torch.ones(2))
    tensor.grad += 1.0

    assert values(measured, one.rows(set())[0])[1:4] == [[5.0, 5.0], [1.0, 1.0], [6.0, 6.0]]


def test_what_a_pass_inside_adds_is_not_what_this_one_added(leaves):
    """What was there when it began is what this one left."""
    tensor = leaf()
    one, measured = ledger(leaves, [tensor])
    one.measure_before()
    contribute(one, measured, 0, torch.ones(2))
    tensor.grad = torch.ones(2)
    one.suspend()
    tensor.grad = torch.full((2,), 9.0)

    assert values(measured, one.rows(set())[0])[1:] == [None, [1.0, 1.0], [1.0, 1.0], Effect.CREATED]


def test_what_is_given_back_is_not_stored(leaves):
    """Of the leaves of `autograd.grad` only those that were asked for have a row."""
    tensors = [leaf(), leaf(torch.ones(2))]
    one, measured = ledger(leaves, tensors, accumulates=False)
    one.measure_before()
    for number in (0, 1):
        one.arrives(number)
        contribute(one, measured, number, torch.full((2,), 3.0))
    rows = one.rows({1})

    assert [values(measured, row)[1:] for row in rows] == [[[1.0, 1.0], [3.0, 3.0], [1.0, 1.0], Effect.NOT_STORED]]


def test_what_another_thread_s_pass_may_replace_is_left_out(leaves):
    """Before and after; the contribution is this pass's own."""
    tensor = leaf(torch.ones(2))
    one, measured = ledger(leaves, [tensor])
    leaves.engine_begins(1, ELSEWHERE, None)
    one.measure_before()
    one.arrives(0)
    contribute(one, measured, 0, torch.ones(2))
    one.added(0, tensor)
    rows = one.rows(set())
    leaves.engine_ends(1)

    assert [values(measured, row)[1:] for row in rows] == [[None, [1.0, 1.0], None, Effect.ACCUMULATED]]
