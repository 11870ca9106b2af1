"""Hooks of ours at nodes: the program's own hooks there are what they would be without us."""

import pytest
import torch
from recorder_session import recorded
from torch.utils.hooks import RemovableHandle


def graph():
    """A leaf, the node of its square, and the sum of that."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    square = w * w
    return w, square.grad_fn, square.sum()


def test_a_hook_of_the_programs_sees_the_same_whenever_it_came(tmp_path):
    """One before the pass, one while it runs, one after it."""
    seen = []

    def program():
        w, node, loss = graph()
        before = node.register_hook(lambda sent, received: seen.append(("before", received[0].tolist())))

        def come_late(gradient):
            node.register_hook(lambda sent, received: seen.append(("while", received[0].tolist())))

        loss.register_hook(come_late)
        loss.backward(retain_graph=True)
        before.remove()
        after = node.register_hook(lambda sent, received: seen.append(("after", received[0].tolist())))
        loss.backward(retain_graph=True)
        after.remove()
        loss.backward()
        return w.grad.tolist()

    plain, seen_plainly = program(), seen.copy()
    seen.clear()
    with recorded(tmp_path, passes=None) as session:
        assert program() == plain

    assert seen == seen_plainly
    assert len(session.trace().passes) == 3


def test_a_hook_may_change_what_is_sent(tmp_path):
    """What it returns goes on, with ours at the same node."""
    with recorded(tmp_path):
        w, node, loss = graph()
        node.register_hook(lambda sent, received: (sent[0] * 10, sent[1]))
        loss.backward()

    assert w.grad.tolist() == [11.0, 22.0]


def test_one_pass_inside_another_over_the_same_nodes(tmp_path):
    """Both are recorded whole, and the hooks of the outer one are still there after the inner one."""
    with recorded(tmp_path, passes=None) as session:
        w, _, loss = graph()
        inner = []

        def run_again(sent, received):
            if not inner:
                inner.append(None)
                inner.append(torch.autograd.grad(loss, w, retain_graph=True)[0].tolist())

        loss.grad_fn.register_prehook(lambda received: run_again(None, received))
        loss.backward()

    assert inner[1] == [2.0, 4.0]
    assert w.grad.tolist() == [2.0, 4.0]
    assert [[one.sent is not None for one in each.graph.edges] for each in session.trace().passes] == [[True] * 3] * 2


def test_no_number_of_a_handle_is_used_up(tmp_path):
    """Numbers of handles are counted by torch, and are part of some programs' output."""
    with recorded(tmp_path):
        _, _, loss = graph()
        before = RemovableHandle.next_id
        loss.backward()
        used = RemovableHandle.next_id - before

    assert used == 0


@pytest.mark.parametrize("is_retained", [True, False])
def test_nothing_of_ours_stays_at_a_node(tmp_path, is_retained):
    """After the pass a handle of the program's knows of no other hook."""
    names, register = set(vars(torch.autograd.Function)), torch.autograd.Function._register_hook
    with recorded(tmp_path):
        assert set(vars(torch.autograd.Function)) == names
        _, node, loss = graph()
        loss.backward(retain_graph=is_retained)
        handle = node.register_hook(lambda sent, received: None)
        hooks = handle.hooks_dict_ref()

    assert list(hooks) == [handle.id]
    assert torch.autograd.Function._register_hook is register
