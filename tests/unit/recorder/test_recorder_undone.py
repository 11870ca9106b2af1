"""Whatever happens while it records, the recorder undoes itself; the autouse fixture of `conftest` looks."""

import contextlib
import threading

import pytest
import torch
from recorder_session import hooks_of, recorded, train
from torch.overrides import TorchFunctionMode

from gradtrace import recorder


def test_after_a_session_the_process_is_as_before(tmp_path):
    """And the program's own hooks are the only ones on its tensors."""
    with recorded(tmp_path) as session:
        net, _ = train()

    assert [len(keys) for keys in hooks_of(net)] == [1, 0, 0, 0]
    assert all(isinstance(key, int) for keys in hooks_of(net) for key in keys)
    assert len(session.trace().passes) == 2


def test_a_pass_that_raises_leaves_no_hook(tmp_path):
    """Neither on the graph, which can run again, nor on leaves."""
    w = torch.ones(3, requires_grad=True)
    with recorded(tmp_path) as session:
        product = (w * 2).exp()
        handle = product.register_hook(lambda gradient: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            product.sum().backward(retain_graph=True)
        handle.remove()
    product.sum().backward()

    assert torch.equal(w.grad, 2 * (torch.ones(3) * 2).exp())
    assert w._backward_hooks is None
    assert [one.error.type for one in session.trace().passes] == ["ZeroDivisionError"]


def test_recording_can_end_in_the_middle_of_a_pass(tmp_path):
    """A hook of the user's stops it; the pass goes on alone."""
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path):
        loss = (w * w).sum()
        loss.register_hook(lambda gradient: recorder.stop())
        loss.backward(retain_graph=True)

    assert w.grad.tolist() == [2.0, 2.0]
    assert loss.grad_fn.next_functions[0][0].name() == "MulBackward0"


class Doubling(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result * 2 if func is torch.exp else result


def test_a_mode_of_the_program_outlives_ours(tmp_path):
    """Ours lies below it, and is taken out from there."""
    with contextlib.ExitStack() as stack:
        with recorded(tmp_path):
            stack.enter_context(Doubling())
            assert torch.exp(torch.zeros(())).item() == 2.0
        assert torch._C._len_torch_function_stack() == 1
        assert torch.exp(torch.zeros(())).item() == 2.0


def test_starting_again_ends_the_recording_before(tmp_path):
    """There is one engine, and one recorder."""
    with recorded(tmp_path) as first, recorded(tmp_path) as second:
        (torch.ones((), requires_grad=True) * 2).backward()

    assert len(first.trace().passes) == 0
    assert len(second.trace().passes) == 1


def test_threads_one_after_the_other_are_told_apart(tmp_path):
    """A thread that has ended gives its number to the next, whose nodes are counted from 0 again."""

    def first():
        (w * w).exp().sum().backward()

    def second():
        w.sin().sum().backward()

    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path) as session:
        for work in (first, second) * 3:
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    lines = [
        {node.location.text.strip() for node in one.graph.nodes if node.leaf is None} for one in session.trace().passes
    ]
    assert lines == [{"(w * w).exp().sum().backward()"}, {"w.sin().sum().backward()"}] * 3
