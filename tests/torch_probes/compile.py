"""Graphs, breaks and recompiles of a module, a step and a custom Function under torch.compile."""

# soak: it compiles for half a minute

import os
import sys

import torch

torch.manual_seed(0)
m = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
o = torch.optim.SGD(m.parameters(), lr=0.1)


def step(i=0):
    o.zero_grad()
    l = m(torch.ones(3, 4)).pow(2).mean()
    l.backward()
    o.step()
    return l.item()


import torch._dynamo
from torch._dynamo.utils import counters

for be in ("eager", "aot_eager"):
    torch._dynamo.reset()
    counters.clear()
    f = torch.compile(m, backend=be)
    oo = torch.optim.Adam(m.parameters(), lr=0.01)
    for i in range(5):
        oo.zero_grad()
        f(torch.ones(3, 4)).pow(2).mean().backward()
        oo.step()
    print(
        be,
        {
            k: dict(v)
            for k, v in counters.items()
            if k in ("stats", "graph_break", "recompiles", "frames", "inline_call", "unimplemented", "aot_autograd")
        },
    )
    torch._dynamo.reset()
    counters.clear()

    @torch.compile(backend=be)
    def full(x):
        oo.zero_grad()
        l = m(x).pow(2).mean()
        l.backward()
        oo.step()
        return l

    for i in range(3):
        full(torch.ones(3, 4))
    print(
        be,
        {
            k: dict(v)
            for k, v in counters.items()
            if k in ("stats", "graph_break", "recompiles", "frames", "unimplemented")
        },
    )
    torch._dynamo.reset()
    counters.clear()

    class CF(torch.autograd.Function):
        @staticmethod
        def forward(c, x):
            c.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(c, g):
            (x,) = c.saved_tensors
            return g * x.cos()

    @torch.compile(backend=be)
    def g(x):
        p = torch.nn.Parameter(torch.ones(3))
        return CF.apply(x).sum() + torch.nn.functional.multi_head_attention_forward.__name__.__len__() + p.sum()

    x = torch.ones(3, requires_grad=True)
    for i in range(3):
        g(x).backward()
    print(
        be,
        {
            k: dict(v)
            for k, v in counters.items()
            if k in ("stats", "graph_break", "recompiles", "frames", "unimplemented")
        },
    )
print(m[0].weight.sum().item())
ex = torch._dynamo.explain(lambda x: torch.nn.functional.relu(x).sum())(torch.ones(3))
print(ex.graph_count, ex.graph_break_count)
