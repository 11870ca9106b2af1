"""What the program does with gradients by itself: what it reads and moves, as the recorder writes it."""

import gc
import weakref

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import Blind


def failures(trace):
    return [spot.text for spot in trace.run.blind_spots if spot.reason == Blind.OBSERVATION_FAILED]


def test_moves_are_measured_from_pass_to_pass(tmp_path):
    """How far the leaf went, and which way with respect to its gradient."""
    torch.manual_seed(0)
    w = torch.randn(3, requires_grad=True)
    moved = []
    with recorded(tmp_path, facts=True) as session:
        for round_ in range(3):
            (w * torch.tensor([1.0, 2.0, 3.0])).pow(2).sum().backward()
            before = w.detach().clone()
            if round_ == 0:
                w.data.sub_(w.grad, alpha=0.1)
            else:
                w.data = w.data + torch.ones(3)
            moved.append((w.detach() - before).norm().item())
        w.sum().backward()
    trace = session.trace()
    assert [move.pass_index for move in trace.moves] == [2, 3, 4]
    assert [move.change for move in trace.moves] == pytest.approx(moved)
    assert trace.moves[0].along == pytest.approx(-1.0)
    assert abs(trace.moves[1].along) < 0.999
    assert failures(trace) == []


def test_leaves_that_an_optimizer_steps_are_left_to_it(tmp_path):
    """Its steps tell what they did; nothing is copied twice."""
    net = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with recorded(tmp_path, facts=True) as session:
        for _ in range(3):
            optimizer.zero_grad()
            net(torch.randn(4, 3)).sum().backward()
            optimizer.step()
    trace = session.trace()
    assert trace.moves == ()
    assert len(trace.steps) == 3


def test_without_facts_nothing_is_looked_at(tmp_path):
    """To explain a program takes none of this."""
    w = torch.ones(3, requires_grad=True)
    with recorded(tmp_path) as session:
        for _ in range(3):
            w.sum().backward()
            w.data -= w.grad
    trace = session.trace()
    assert (trace.moves, trace.grad_uses, trace.empty_clippings) == ((), (), ())


def test_a_leaf_is_not_kept_alive(tmp_path):
    """Neither it nor, once it is gone, its copy."""
    with recorded(tmp_path, facts=True):
        gone = []
        for _ in range(3):
            w = torch.ones(1000, requires_grad=True)
            w.sum().backward()
            w.data -= w.grad
            gone.append(weakref.ref(w))
            del w
        gc.collect()
        assert [one() for one in gone] == [None, None, None]


def test_reads_of_gradients_are_told_once_a_line_and_pass(tmp_path):
    """With all leaves that the line read."""
    net = nn.Linear(3, 1)
    with recorded(tmp_path, facts=True) as session:
        for _ in range(2):
            net(torch.ones(2, 3)).sum().backward()
            for p in net.parameters():
                p.grad.norm()
    trace = session.trace()
    assert [(use.pass_index, len(use.leaves)) for use in trace.grad_uses] == [(1, 2), (2, 2)]
    assert {use.location.text.strip() for use in trace.grad_uses} == {"p.grad.norm()"}


def gone_through_twice(parameters):
    total = 0.0
    for p in parameters:
        total += p.grad.norm().item()
    for p in parameters:
        p.grad.mul_(total)
    return total


def gone_through_by_a_comprehension(parameters):
    total = sum([p.grad.norm().item() for p in parameters])
    for p in parameters:
        p.grad.mul_(total)
    return total


def gone_through_and_made_anew(net, parameters):
    total = sum(p.grad.norm().item() for p in parameters)
    parameters = net.parameters()
    for p in parameters:
        p.grad.mul_(total)


def test_a_generator_that_is_gone_through_twice_is_told(tmp_path):
    """With the second loop; a list can be gone through again, and a new generator is another one."""
    net = nn.Linear(3, 1)
    with recorded(tmp_path, facts=True) as session:
        net(torch.ones(2, 3)).sum().backward()
        gone_through_twice(net.parameters())
        gone_through_by_a_comprehension(net.parameters())
        gone_through_twice(list(net.parameters()))
        gone_through_and_made_anew(net, net.parameters())
    found = [(use.iterator, use.again.function) for use in session.trace().grad_uses if use.iterator is not None]
    assert found == [("parameters", "gone_through_twice"), ("parameters", "gone_through_by_a_comprehension")]


def test_an_assignment_to_the_loop_variable_is_in_vain_unless_it_is_read(tmp_path):
    """What the loop reads after the assignment, or before it assigns anew, is not lost."""
    net, kept = nn.Linear(3, 1), []
    w = torch.ones(3, requires_grad=True)
    with recorded(tmp_path, facts=True) as session:
        (net(torch.ones(2, 3)).sum() + w.sum()).backward()
        for p in net.parameters():
            p = p - 0.1 * p.grad  # noqa: PLW2901 - this is the mistake
        for q in net.parameters():
            q = q - 0.1 * q.grad  # noqa: PLW2901
            kept.append(q)
        v = w
        for _ in range(1):
            v = v - 0.1 * w.grad
    assert [use.in_vain for use in session.trace().grad_uses] == ["p", None, None]


def test_clipping_of_nothing_is_told(tmp_path):
    """That of torch, given a used-up generator or parameters without gradients."""
    net = nn.Linear(3, 1)
    with recorded(tmp_path, facts=True) as session:
        net(torch.ones(2, 3)).sum().backward()
        nn.utils.clip_grad_norm_([], 1.0)
        nn.utils.clip_grad_norm_(nn.Linear(2, 2).parameters(), 1.0)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    found = [(one.call, one.n_parameters, one.pass_index) for one in session.trace().empty_clippings]
    assert found == [("clip_grad_norm_", 0, 1), ("clip_grad_norm_", 2, 1)]


def test_the_line_that_would_step_is_found(tmp_path):
    """That the program never came to, by what the optimizer is called."""
    net = nn.Linear(3, 1)
    with recorded(tmp_path, facts=True) as session:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for at in range(4):
            net(torch.ones(2, 3)).sum().backward()
            if at > 10:
                optimizer.step()
    (told,) = session.trace().optimizers
    assert told.would_step.text.strip() == "optimizer.step()"


class Stubborn(torch.Tensor):
    """A subclass that nobody may ask."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs)


def test_subclasses_sparse_gradients_and_integers_are_left_alone(tmp_path):
    """Nothing fails over them."""
    table = nn.Embedding(5, 2, sparse=True)
    odd = torch.ones(3).as_subclass(Stubborn).requires_grad_()
    with recorded(tmp_path, facts=True) as session:
        for _ in range(3):
            (table(torch.tensor([1, 2])).sum() + odd.sum()).backward()
    assert failures(session.trace()) == []


def test_an_optimizer_that_begins_to_step_leaves_the_others_as_they_were(tmp_path):
    """What the program moved beside its first step is measured too."""
    held, free = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([held], lr=0.5)
    with recorded(tmp_path, facts=True) as session:
        for _ in range(2):
            (held * free).sum().backward()
            optimizer.step()
            free.data = free.data - 2
    trace = session.trace()
    assert [(trace.leaves[move.leaf].name, move.pass_index) for move in trace.moves] == [("free", 2)]
    assert trace.moves[0].change == pytest.approx(8**0.5)
