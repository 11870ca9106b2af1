"""Compiled regions in a recording of a program that torch.compile really compiled."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gradtrace
from gradtrace.analysis.recomputed import disagreement
from gradtrace.errors import RenderError
from gradtrace.model import Node

PROGRAM = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 8)
    def forward(self, x):
        h = nn.functional.gelu(self.a(x))
        torch._dynamo.graph_break()
        return self.b(h).tanh()

torch.manual_seed(0)
net, tail = Net(), nn.Linear(8, 1)
fast = torch.compile(net, backend="aot_eager")
@torch.library.custom_op("mine::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2

twice.register_fake(torch.empty_like)
twice.register_autograd(lambda ctx, g: twice(g), setup_context=lambda ctx, inputs, output: None)
own = torch.compile(lambda x: twice(tail(x).sin()), backend="aot_eager")
whole = torch.compile(lambda x: tail(x).exp(), backend="aot_eager", dynamic=True, fullgraph=True)
for rows in (4, 6):
    whole(fast(torch.ones(rows, 8))).sum().backward()
own(torch.ones(2, 8)).sum().backward()
with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager")):
    tail(torch.ones(2, 8)).sum().backward()
first = net.a(torch.ones(4, 8))
middle = net.b(nn.functional.gelu(first))
eager = torch.autograd.grad(tail(middle.tanh()).exp().sum(), [middle, first])
print(*(one.norm().item() for one in eager))
"""


def _inside(node: Node) -> Iterator[tuple[str, float]]:
    """The norm of what each op of a region gave when it was run again; 0 where it was not."""
    values = () if node.recomputed is None else node.recomputed.values
    for op, value in zip(() if node.region is None else node.region.ops or (), values, strict=False):
        yield op.name, 0.0 if value is None or value.norm is None else value.norm


def _unfinished(one: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = one["graph"]["nodes"] if one["graph"] else []
    return [node for node in nodes if "not_recomputed" in node.get("region", ())]


def test_regions_show_their_ops_lines_and_breaks(tmp_path: Path) -> None:
    """Op, shape and line of the backward graph that AOTAutograd made; a symbol where shapes vary.

    At the full level what is inside is what the program computes without the compiler, and where it would run an op of
    the program's a second time, that is said.
    """
    (tmp_path / "train.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "gradtrace", "record", "-q", "--level", "full", "-o", "run.gtrace", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    trace = gradtrace.load(tmp_path / "run.gtrace")
    first, second = (one.graph for one in trace.passes[:2])
    assert first is not None
    assert second is not None
    regions = [node.region for node in first.nodes if node.region is not None]
    assert [region.backend for region in regions] == ["aot_eager"] * 3
    assert {node.op for node in first.nodes if node.region is not None} == {"compiled region (aot_eager)"}
    tail, after, before = regions
    found = {(op.op, op.shape, op.location and op.location.text.strip(), op.module) for op in after.ops or ()}
    assert ("aten.tanh_backward.default", (4, 8), "return self.b(h).tanh()", None) in found
    assert ("aten.mm.default", (4, 16), "return self.b(h).tanh()", "b") in found
    assert {op.location and op.location.line for op in before.ops or ()} == {9}
    assert any(isinstance(op.shape and op.shape[0], str) for op in tail.ops or ())
    breaks = [each.location and each.location.line for region in regions for each in region.breaks]
    assert breaks == [10]
    spots = {spot.text for spot in trace.run.blind_spots}
    assert "the backward pass ran in compiled autograd" in spots
    norms = dict(one for node in first.nodes for one in _inside(node))
    eager = [float(word) for word in done.stdout.split()[-2:]]
    assert [norms["tanh_backward"], norms["gelu_backward"]] == pytest.approx(eager, rel=1e-4)
    assert not any(disagreement(first, node) for node in first.nodes)
    third = trace.passes[2].graph
    assert third is not None
    half = next(node for node in third.nodes if node.region is not None)
    reason = "mine.twice.default is not torch's own, and would run a second time"
    assert half.recomputed is not None
    assert half.recomputed.reason == reason
    assert not any(norm for name, norm in _inside(half) if name not in {"cos", "addmm"})
    assert f"Not all of it was recomputed: {reason}." in " ".join(gradtrace.explain(trace, pass_index=3).split())
    assert f"Not all of it was recomputed: {reason}." in " ".join(gradtrace.render(trace, pass_index=3).split())
    document = json.loads(gradtrace.render(trace, format="json"))
    said = [node["region"]["not_recomputed"] for one in document["passes"] for node in _unfinished(one)]
    assert said == [reason]
    memory = gradtrace.memory(trace, pass_index=1, by="op")
    assert "compiled region (aot_eager)" in memory
    assert "What torch.compile made: 3 compiled regions" in gradtrace.explain(trace)
    only = replace(trace, passes=tuple(one for one in trace.passes if one.graph is None))
    with pytest.raises(RenderError, match="the backward pass ran in compiled autograd, where no graph can be seen"):
        gradtrace.render(only)
    text = " ".join(gradtrace.explain(only).split())
    assert "TORCH_COMPILE_DISABLE=1 in the environment runs the program without the compiler" in text
