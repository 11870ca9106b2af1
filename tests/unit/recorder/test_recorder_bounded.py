"""Memory does not grow with the number of passes, files hardly do, and nothing of a pass is held after it."""

import gc
import tracemalloc
import weakref

import pytest
import torch
from recorder_session import recorded
from torch import nn


def stepper():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    data = torch.randn(5, 3)

    def step():
        optimizer.zero_grad()
        net(data).pow(2).mean().backward()
        optimizer.step()

    return step


def run(step, times):
    for _ in range(times):
        step()


def held():
    """How many objects the collector knows after it has run, and how many of them are nodes."""
    gc.collect()
    objects = gc.get_objects()
    return len(objects), sum(1 for one in objects if type(one).__name__.endswith(("Backward0", "AccumulateGrad")))


def test_counted_passes_cost_no_memory_and_hardly_any_file(tmp_path):
    """Ten times as many passes: as many objects, the same memory, a few hundred bytes more."""
    step = stepper()
    with recorded(tmp_path, passes=((1, 3),)) as session:
        run(step, 200)
        n_objects, n_nodes = held()
        tracemalloc.start()
        size, start = session.stream.stat().st_size, tracemalloc.get_traced_memory()[0]
        run(step, 1800)
        n_later, n_nodes_later = held()
        grown = tracemalloc.get_traced_memory()[0] - start
        tracemalloc.stop()
        size_later = session.stream.stat().st_size

    assert (n_nodes, n_nodes_later) == (0, 0)
    assert n_later - n_objects < 50
    assert grown < 100_000
    assert size_later - size < 8_000
    assert sum(one.count for one in session.trace().passes) == 2000


def test_the_root_of_the_last_counted_pass_is_known(tmp_path):
    """It is read anyway; what is not finite is none."""
    w = torch.tensor(3.0, requires_grad=True)
    with recorded(tmp_path, passes=((1, 2),)) as session:
        for factor in (1.0, 2.0, 3.0, 4.0, 5.0):
            (w * factor).backward()

    counted = session.trace().passes[-1]
    assert (counted.index, counted.count, counted.last_value) == (3, 3, 15.0)


def test_full_passes_are_not_kept_in_memory(tmp_path):
    """They are in the file; per pass hardly anything stays."""
    step = stepper()
    with recorded(tmp_path) as session:
        run(step, 30)
        n_objects, _ = held()
        run(step, 100)
        n_later, n_nodes = held()

    assert n_nodes == 0
    assert n_later - n_objects < 100
    assert len([one for one in session.trace().passes if one.graph is not None]) == 130


@pytest.mark.parametrize("passes", [None, ((5, 6),)])
def test_tensors_of_a_pass_die_with_the_program_s_last_reference(tmp_path, passes):
    """Results, leaves, gradients and what nodes saved, without the help of the collector."""
    with recorded(tmp_path, passes=passes):
        gc.disable()
        try:
            w = torch.ones(4, requires_grad=True)
            hidden = (w * 2).exp()
            hidden.register_hook(lambda gradient: gradient * 2)
            loss = hidden.sum()
            loss.backward()
            references = [weakref.ref(one) for one in (w, hidden, loss, w.grad)]
            del w, hidden, loss
            alive = [reference() for reference in references]
        finally:
            gc.enable()

    assert alive == [None] * 4


def test_a_graph_that_is_never_run_is_not_held(tmp_path):
    """The table of lines knows numbers only."""
    with recorded(tmp_path):
        w = torch.ones(3, requires_grad=True)
        run(lambda: [w * w for _ in range(10)], 100)
        _, n_nodes = held()

    assert n_nodes == 0
