"""Tensors whose shape is no list of numbers, or that refuse to be looked at: what is known of all others stays."""

import torch
from recorder_session import recorded
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

import gradtrace
from gradtrace.model.blind_spot import Blind
from gradtrace.model.format import UNKNOWN_EXTENT
from gradtrace.recorder.leaves import Leaves


def _failed(trace):
    return [spot for spot in trace.run.blind_spots if spot.reason == Blind.OBSERVATION_FAILED]


def test_nested_tensors_are_recorded_with_their_values(tmp_path):
    """A graph of jagged tensors has all its numbers; an extent that differs from row to row is a star."""
    linear = nn.Linear(8, 4)
    with recorded(tmp_path, passes=None) as session:
        for _ in range(2):
            nested = torch.nested.nested_tensor([torch.ones(3, 8), torch.ones(5, 8)], layout=torch.jagged)
            torch.relu(linear(nested.requires_grad_())).values().square().mean().backward()
    trace = session.trace()
    assert not _failed(trace)
    graph = trace.passes[0].graph
    assert graph is not None
    relu = next(node for node in graph.nodes if node.op == "relu")
    assert relu.shape == (2, UNKNOWN_EXTENT, 4)
    assert relu.received is not None
    assert relu.received.norm > 0
    added = {trace.leaves[row.leaf].name: row.contribution.norm for row in trace.passes[0].accumulations}
    assert added["nested"] > 0
    assert abs(2 * added["weight"] - linear.weight.grad.norm().item()) < 1e-5
    assert "f32[2,*,8]" in gradtrace.explain(trace)


def test_symbols_are_not_asked_for_their_number(tmp_path):
    """Where torch computes with extents that it has not decided, nothing is decided by looking."""
    environment = ShapeEnv()
    mode = FakeTensorMode(shape_env=environment)
    weight = nn.Parameter(mode.from_tensor(torch.ones(4, 4)))
    data = mode.from_tensor(torch.ones(6, 4), source=None)
    guards = len(environment.guards)
    with recorded(tmp_path, passes=None) as session, mode:
        (data @ weight).sum().backward()
    trace = session.trace()
    assert len(environment.guards) == guards
    assert trace.passes[0].graph is not None
    assert not _failed(trace)


def test_a_leaf_that_cannot_be_looked_at_costs_one_observation(tmp_path, monkeypatch):
    """The pass is recorded in full, with what all other leaves are, and the failure is counted."""
    a, b = (torch.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))
    get = Leaves.get

    def raising(self, tensor, scope=None):
        if tensor is b:
            raise AttributeError("asked")
        return get(self, tensor, scope)

    monkeypatch.setattr(Leaves, "get", raising)
    with recorded(tmp_path, passes=None) as session:
        (a * b).sum().backward()
    trace = session.trace()
    assert trace.passes[0].graph is not None
    assert [node.op for node in trace.passes[0].graph.nodes] == ["sum", "mul", "leaf", "leaf"]
    assert [row.contribution.value for row in trace.passes[0].accumulations] == [[2.0, 3.0]]
    assert any("a leaf (AttributeError: asked)" in spot.text for spot in trace.run.blind_spots)
