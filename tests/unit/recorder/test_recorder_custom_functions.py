"""Custom Functions where `Function.apply` has no frame, as from torch 2.14 on: seen where their context is made."""

from pathlib import Path

import pytest
import torch
from recorder_session import recorded

from gradtrace.diagnosis.all_needs import EVERYBODYS
from gradtrace.model import Trace
from gradtrace.model.kinds import SwitchKind
from gradtrace.recorder import custom_functions, torch_facts


class Scale(torch.autograd.Function):
    """Takes its factor as an argument, and computes with torch."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x.detach(), factor)
        return x * factor

    @staticmethod
    def backward(ctx, gradient):
        x, factor = ctx.saved_tensors
        return gradient * factor, (gradient * x).sum()


class Mixin:
    """Has the `forward` of another class."""

    @staticmethod
    def forward(x):
        return x.exp()


class Exp(Mixin, torch.autograd.Function):
    """In the newer style: what is saved is said elsewhere."""

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0]


class Same(torch.autograd.Function):
    """Returns what it gets."""

    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Decorated(torch.autograd.Function):
    """Has a decorator of torch's around its `forward`."""

    @staticmethod
    @torch.no_grad()
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def trace_of(folder: Path) -> Trace:
    """Both, one after the other."""
    with recorded(folder, facts=True, needs=EVERYBODYS) as session:
        x, factor = torch.ones(2, requires_grad=True), torch.tensor(2.0, requires_grad=True)
        scaled = Scale.apply(x, factor)
        (Exp.apply(scaled) * 3).sum().backward()
    return session.trace()


def test_their_nodes_and_what_they_switch_off_are_known_without_the_frame_of_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """All is as with it."""
    with_frame = trace_of(tmp_path)
    monkeypatch.setattr(torch_facts, "FUNCTION_APPLY", None)
    without = trace_of(tmp_path)
    nodes = {node.op: node.location.text.strip() for node in without.passes[0].graph.nodes if node.location}
    assert nodes["Scale"] == "scaled = Scale.apply(x, factor)"
    assert nodes["Exp"] == "(Exp.apply(scaled) * 3).sum().backward()"
    assert without.passes == with_frame.passes
    assert without.cuts == with_frame.cuts
    assert {cut.switch.kind for cut in without.cuts if cut.switch is not None} >= {SwitchKind.FUNCTION}


def test_a_forward_that_calls_nothing_of_torch_has_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With gradients alone: under `no_grad` no node is made."""
    monkeypatch.setattr(torch_facts, "FUNCTION_APPLY", None)
    with recorded(tmp_path) as session:
        x = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            Same.apply(x)
        same = Same.apply(x)
        same.backward(torch.ones(2))
    nodes = {node.op: node for node in session.trace().passes[0].graph.nodes}
    assert nodes["Same"].location.text.strip() == "same = Same.apply(x)"


@pytest.mark.parametrize("has_frame", [True, False])
def test_what_torch_runs_as_one_is_a_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_frame: bool):
    """A method of a module that is called alike is none, nor is a decorator that stands around one."""
    if not has_frame:
        monkeypatch.setattr(torch_facts, "FUNCTION_APPLY", None)
    monkeypatch.setattr(custom_functions, "_forwards", {})
    trace_of(tmp_path)
    with recorded(tmp_path):
        Decorated.apply(torch.ones(2, requires_grad=True))
    inner = Decorated.forward.__wrapped__.__code__
    codes = [Mixin.forward.__code__, Exp.setup_context.__code__, Scale.forward.__code__, inner]
    assert all(map(custom_functions.is_forward, codes))
    assert not custom_functions.is_forward(torch.nn.Linear.forward.__code__)
    assert not custom_functions.is_forward(Decorated.forward.__code__)


def test_nothing_of_it_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The contexts of torch are made as before."""
    monkeypatch.setattr(torch_facts, "FUNCTION_APPLY", None)
    with recorded(tmp_path):
        assert "__init__" in vars(torch_facts.FunctionContext)
    assert "__init__" not in vars(torch_facts.FunctionContext)
