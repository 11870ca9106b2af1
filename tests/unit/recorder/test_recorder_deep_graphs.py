"""A deep graph that was walked is held in a few places, as long as the program has it."""

import gc
import threading

import pytest
import torch

from gradtrace.recorder import deep_graphs
from gradtrace.recorder.deep_graphs import keep_from_recursion, let_go
from gradtrace.recorder.walk import Walk


def chain(length):
    y = torch.ones(1, requires_grad=True)
    for _ in range(length):
        y = y * 1.0
    return y


@pytest.fixture(autouse=True)
def _nothing_is_held():
    let_go()
    assert deep_graphs._held == {}
    yield
    gc.collect()
    let_go()
    assert (deep_graphs._held, list(deep_graphs._freed)) == ({}, [])


def walk(*roots):
    keep_from_recursion(Walk([one.grad_fn for one in roots]))


def dropped(result):
    """How many nodes are held before and after each time that our code runs, once the program drops the result."""
    counts = [len(deep_graphs._held)]
    result.clear()
    while deep_graphs._freed:
        let_go()
        counts.append(len(deep_graphs._held))
    return counts


def test_a_chain_of_80_000_is_dropped_within_a_small_stack():
    """On a thread with 8 MiB, as a program's first one has; the recursion would take more."""
    counts = []

    def run():
        result = [chain(80_000)]
        walk(*result)
        counts.extend(dropped(result))

    before = threading.stack_size(8 << 20)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)

    assert counts[0] == 80
    assert counts[-1] == 0
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(("length", "expected"), [(10, 0), (4_900, 0), (6_000, 6), (5_100, 5)])
def test_only_a_deep_graph_is_held(length, expected):
    """One node for each stretch of a thousand."""
    result = [chain(length)]
    walk(*result)
    assert len(deep_graphs._held) == expected
    dropped(result)


def test_a_wide_graph_is_not_held():
    """It has as many nodes, but the way down is short."""
    x = torch.ones(1, requires_grad=True)
    walk(torch.stack([x * 1.0 for _ in range(7_000)]).sum())
    assert deep_graphs._held == {}


def test_a_graph_that_is_walked_twice_is_held_once():
    """As a retained graph is, whose passes come one after the other."""
    result = [chain(8_000)]
    counts = []
    for _ in range(3):
        walk(*result)
        counts.append(len(deep_graphs._held))

    assert counts == [8, 8, 8]
    assert dropped(result)[-1] == 0


def test_a_graph_that_is_walked_from_another_root_is_let_go_too():
    """Its stretches begin elsewhere, and one more node may be held for each."""
    first = chain(8_000)
    result = [first, (first * 1.0 + first).exp()]
    walk(result[0])
    walk(result[1])
    assert dropped(result)[0] >= 8
    del first
    dropped(result)


def test_a_graph_is_held_as_long_as_the_program_has_it():
    """A later part of it may be dropped before."""
    lower = chain(6_000)
    upper = lower
    for _ in range(6_000):
        upper = upper * 1.0
    walk(upper)
    all_held = len(deep_graphs._held)
    result = [upper]
    del upper
    counts = dropped(result)
    assert (all_held, counts[-1] > 0) == (12, True)
    last = [lower]
    del lower
    assert dropped(last)[-1] == 0


def test_the_metadata_of_the_program_s_is_left_alone():
    """A marker is one entry more, and goes with the node."""
    result = [chain(6_000)]
    result[0].grad_fn.metadata["mine"] = 1
    walk(*result)

    assert result[0].grad_fn.metadata["mine"] == 1
    dropped(result)


def test_branches_are_as_deep_as_their_longest_way():
    """A short cut past a long way does not make the long way short."""
    x = torch.ones(1, requires_grad=True) * 1.0
    y = x
    for _ in range(6_000):
        y = y * 1.0
    result = [x + y]
    del x, y
    walk(*result)
    assert len(deep_graphs._held) >= 6
    assert dropped(result)[-1] == 0
