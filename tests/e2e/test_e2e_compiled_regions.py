"""Compiled regions in a recording of a program that torch.compile really compiled."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import gradtrace
from gradtrace.errors import RenderError

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

net, tail = Net(), nn.Linear(8, 1)
fast = torch.compile(net, backend="aot_eager")
whole = torch.compile(lambda x: tail(x).exp(), backend="aot_eager", dynamic=True, fullgraph=True)
for rows in (4, 6):
    whole(fast(torch.ones(rows, 8))).sum().backward()
with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager")):
    tail(torch.ones(2, 8)).sum().backward()
"""


def test_regions_show_their_ops_lines_and_breaks(tmp_path: Path) -> None:
    """Op, shape and line of the backward graph that AOTAutograd made; a symbol where shapes vary."""
    (tmp_path / "train.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "gradtrace", "record", "-q", "-o", "run.gtrace", "train.py"]
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
    memory = gradtrace.memory(trace, pass_index=1, by="op")
    assert "compiled region (aot_eager)" in memory
    assert "What torch.compile made: 3 compiled regions" in gradtrace.explain(trace)
    only = replace(trace, passes=tuple(one for one in trace.passes if one.graph is None))
    with pytest.raises(RenderError, match="the backward pass ran in compiled autograd, where no graph can be seen"):
        gradtrace.render(only)
    text = " ".join(gradtrace.explain(only).split())
    assert "TORCH_COMPILE_DISABLE=1 in the environment runs the program without the compiler" in text
