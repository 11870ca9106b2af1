"""Which passes are inner, and of which training step a pass is part, on recordings of real loops."""

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.analysis.training_steps import inner, numbers
from gradtrace.model import Recorded


def told(trace):
    """Of each pass: how it began, the number of its step, and whether it is inner."""
    of_step, inside = numbers(trace), inner(trace)
    return [(one.call.rsplit(".", 1)[-1], of_step[one.index], one.index in inside) for one in trace.passes]


def test_a_penalty_is_part_of_its_step(tmp_path):
    """Its gradient goes into the loss of the step."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    with recorded(tmp_path) as session:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(2):
            x = torch.randn(3, 2, requires_grad=True)
            (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
            optimizer.zero_grad()
            (net(x).mean() + slope.pow(2).sum()).backward()
            optimizer.step()

    assert told(session.trace()) == [
        ("grad", 1, True),
        ("backward", 1, False),
        ("grad", 2, True),
        ("backward", 2, False),
    ]


def test_inner_loops_are_part_of_the_outer_step(tmp_path):
    """As in MAML: the inner updates are no steps of an optimizer."""
    torch.manual_seed(0)
    with recorded(tmp_path) as session:
        w = torch.randn(3, requires_grad=True)
        optimizer = torch.optim.Adam([w], lr=0.1)
        for _ in range(2):
            fast = w
            for _ in range(3):
                (slope,) = torch.autograd.grad(fast.pow(2).sum(), fast, create_graph=True)
                fast = fast - 0.1 * slope
            optimizer.zero_grad()
            fast.sum().backward()
            optimizer.step()

    assert told(session.trace()) == [
        *[("grad", 1, True)] * 3,
        ("backward", 1, False),
        *[("grad", 2, True)] * 3,
        ("backward", 2, False),
    ]


def test_a_pass_inside_another_is_inner(tmp_path):
    """Reentrant checkpointing runs a pass while the outer one runs."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(2):
            hidden = torch.utils.checkpoint.checkpoint(lambda x: (x * 2).exp(), w, use_reentrant=True)
            hidden.sum().backward()
            optimizer.step()

    trace = session.trace()
    assert [(one.parent, one.index in inner(trace), numbers(trace)[one.index]) for one in trace.passes] == [
        *((None, False, 1), (1, True, 1)),
        *((None, False, 2), (3, True, 2)),
    ]


def test_two_optimizers_are_two_steps_unless_nothing_lies_between(tmp_path):
    """A pass after the first of them belongs to the second; two that step one after the other end one step."""
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    with recorded(tmp_path) as session:
        first, second = torch.optim.SGD([a], lr=0.1), torch.optim.SGD([b], lr=0.1)
        (a * 2).sum().backward()
        first.step()
        (b * 2).sum().backward()
        second.step()
        (a * b).sum().backward()
        first.step()
        second.step()
        (a * b).sum().backward()

    assert [number for _, number, _ in told(session.trace())] == [1, 2, 3, 4]


@pytest.mark.parametrize("passes", [None, ((1, 2), (12, 12))])
def test_passes_that_add_up_are_one_step(passes, tmp_path):
    """Also where they are only counted."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path, passes=passes) as session:
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            for _ in range(3):
                (w * 2).sum().backward()
            optimizer.step()

    known = numbers(session.trace())
    assert (known[1], known[2], known[4], known[12]) == (1, 1, 2, 4)


def test_counted_steps_are_counted(tmp_path):
    """A pass after a hundred that were only counted is of the hundred and first step."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path, passes=((1, 2), (101, 102))) as session:
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(103):
            optimizer.zero_grad()
            (w * 2).sum().backward()
            optimizer.step()

    trace = session.trace()
    known = numbers(trace)
    assert [known[index] for index in (1, 2, 3, 101, 102, 103)] == [1, 2, 3, 101, 102, 103]


def test_without_an_optimizer_each_pass_that_stores_ends_a_step(tmp_path):
    """The program updates its parameters by itself."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path) as session:
        for _ in range(2):
            (slope,) = torch.autograd.grad(w.pow(3).sum(), w, create_graph=True)
            slope.pow(2).sum().backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None

    assert told(session.trace()) == [
        ("grad", 1, True),
        ("backward", 1, False),
        ("grad", 2, True),
        ("backward", 2, False),
    ]


def test_a_program_may_train_with_what_autograd_grad_returns(tmp_path):
    """Then each of these passes is a step of its own."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path) as session:
        for _ in range(2):
            (slope,) = torch.autograd.grad(w.pow(3).sum(), w)
            with torch.no_grad():
                w -= 0.1 * slope

    assert told(session.trace()) == [("grad", 1, False), ("grad", 2, False)]


def test_passes_of_a_closure_are_of_one_step(tmp_path):
    """LBFGS."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path) as session:
        optimizer = torch.optim.LBFGS([w], max_iter=3)

        def closure():
            optimizer.zero_grad()
            loss = (w - 3).pow(4).sum()
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)

    trace = session.trace()
    first, second = trace.steps
    known = numbers(trace)
    assert {known[index] for index in first.own_passes} == {1}
    assert {known[index] for index in second.own_passes} == {2}


# Which passes `--passes` speaks of.


def full(trace):
    """How each pass that was recorded in full began, and its step."""
    of_step = numbers(trace)
    return [(one.call.rsplit(".", 1)[-1], of_step[one.index]) for one in trace.passes if one.recorded == Recorded.FULL]


def meta_learn(n_inner, steps, *, create_graph=True):
    torch.manual_seed(0)
    w = torch.randn(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.01)
    for _ in range(steps):
        fast = w
        for _ in range(n_inner):
            (slope,) = torch.autograd.grad(fast.pow(2).sum(), fast, create_graph=create_graph)
            fast = fast - 0.1 * slope
        optimizer.zero_grad()
        fast.sum().backward()
        optimizer.step()


@pytest.mark.parametrize("create_graph", [True, False])
def test_passes_are_counted_by_those_that_fill_grad(create_graph, tmp_path):
    """Inner ones come along, and do not use up the count."""
    with recorded(tmp_path, passes=((1, 3),)) as session:
        meta_learn(2, 6, create_graph=create_graph)

    one_step = [("grad", 1), ("grad", 1), ("backward", 1)]
    assert full(session.trace()) == [(call, step) for step in (1, 2, 3) for call, _ in one_step]


def test_a_single_pass_is_found_behind_its_inner_ones(tmp_path):
    """The third pass that fills `.grad`, with the inner passes of its step.

    Before the first that fills it nobody knows that there will be one, and every pass counts.
    """
    with recorded(tmp_path, passes=((3, 3),)) as session:
        meta_learn(4, 5)

    assert full(session.trace()) == [("grad", 1), *[("grad", 3)] * 4, ("backward", 3)]


def test_a_step_that_begins_with_more_inner_passes_than_were_asked_for(tmp_path):
    """The first that counts is the next one: it is watched from its beginning."""
    with recorded(tmp_path, passes=((1, 2),)) as session:
        meta_learn(5, 5)

    trace = session.trace()
    assert full(trace) == [
        *[("grad", 1)] * 2,
        *([*[("grad", 2)] * 5, ("backward", 2)]),
        *[("grad", 3)] * 5,
        ("backward", 3),
    ]
    outer = [one for one in trace.passes if one.call == "Tensor.backward" and one.graph is not None]
    assert all(node.location is not None for one in outer for node in one.graph.nodes if node.op != "leaf")


def test_a_program_that_fills_no_grad_counts_what_it_has(tmp_path):
    """With what `autograd.grad` returns."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path, passes=((2, 3),)) as session:
        for _ in range(6):
            torch.autograd.grad(w.pow(3).sum(), w)

    assert [one.index for one in session.trace().passes if one.recorded == Recorded.FULL] == [2, 3]


def test_inner_passes_without_end_count_themselves(tmp_path):
    """After one step of training a program asks for gradients for days."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path, passes=((1, 3),)) as session:
        w.sum().backward()
        for _ in range(100):
            torch.autograd.grad(w.pow(3).sum(), w)

    n_full = sum(one.recorded == Recorded.FULL for one in session.trace().passes)
    assert n_full == 1 + 64 + 2


def test_a_program_ends_after_the_passes_that_fill_grad(tmp_path):
    """`--stop-after` counts like `--passes`."""
    with recorded(tmp_path, passes=((1, 3),), stop_after=3) as session, pytest.raises(SystemExit):
        meta_learn(2, 6)

    assert [one.call.rsplit(".", 1)[-1] for one in session.trace().passes] == ["grad", "grad", "backward"] * 3
