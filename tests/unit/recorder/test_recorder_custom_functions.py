"""Custom Functions where `Function.apply` has no frame, as in torch 2.15: known by the code of their `forward`."""

from pathlib import Path

import pytest
import torch
from recorder_session import recorded

from gradtrace.diagnosis.all_needs import EVERYBODYS
from gradtrace.model import Trace
from gradtrace.model.kinds import SwitchKind
from gradtrace.recorder import custom_functions, forward_mode, torch_facts


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
    monkeypatch.setattr(custom_functions, "HAS_FRAME", False)
    monkeypatch.setattr(forward_mode, "HAS_FRAME", False)
    without = trace_of(tmp_path)
    nodes = {node.op: node.location.text.strip() for node in without.passes[0].graph.nodes if node.location}
    assert nodes["Scale"] == "scaled = Scale.apply(x, factor)"
    assert nodes["Exp"] == "(Exp.apply(scaled) * 3).sum().backward()"
    assert without.passes == with_frame.passes
    assert without.cuts == with_frame.cuts
    assert {cut.switch.kind for cut in without.cuts if cut.switch is not None} >= {SwitchKind.FUNCTION}


def test_only_what_torch_runs_as_one_is_a_forward(monkeypatch: pytest.MonkeyPatch):
    """A method of a module that is called alike is none."""
    monkeypatch.setattr(custom_functions, "HAS_FRAME", False)
    codes = [Mixin.forward.__code__, Scale.forward.__code__, torch.nn.Linear.forward.__code__]
    found = set(map(id, custom_functions._codes()))
    assert [id(code) in found for code in codes] == [True, True, False]
