"""Which passes are recorded in full beyond those that were asked for: of small programs, and the one to be shown."""

import torch
from recorder_session import recorded


def _train(n_passes, n_ops=1):
    w = torch.tensor(1.0, requires_grad=True)
    for _ in range(n_passes):
        x = w
        for _ in range(n_ops):
            x = x * 1.0
        x.backward()


def _full(session):
    return [one.index for one in session.trace().passes if one.graph is not None]


def test_a_small_program_is_recorded_in_full_for_longer(tmp_path):
    """Passes of few nodes are recorded in full up to their own limit; what comes after is counted."""
    with recorded(tmp_path, passes=((1, 3),), small_passes=6) as session:
        _train(9)
    assert _full(session) == [1, 2, 3, 4, 5, 6]
    assert sum(one.count for one in session.trace().passes) == 9


def test_a_larger_program_is_not(tmp_path):
    """A pass of 200 nodes or more ends that, however small the ones before it were."""
    with recorded(tmp_path, passes=((1, 3),), small_passes=8) as session:
        _train(4)
        _train(1, n_ops=200)
        _train(4)
    assert _full(session) == [1, 2, 3, 4, 5]


def test_the_pass_to_be_shown_is_recorded(tmp_path):
    """Whatever else was asked for, with its forward computation."""
    with recorded(tmp_path, passes=((1, 1),), shown_pass=7) as session:
        _train(9)
    assert _full(session) == [1, 7]
    seventh = next(one for one in session.trace().passes if one.index == 7)
    assert [node.op for node in seventh.graph.nodes] == ["mul", "leaf"]
    assert seventh.graph.nodes[0].value.value == 1
