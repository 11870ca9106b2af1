"""Symbolic tracing, make_fx and export, with the stacks that they note."""

# soak: it exports twice

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


import torch.fx
from torch.fx.experimental.proxy_tensor import make_fx


class N(torch.nn.Module):
    def forward(s, x):
        y = torch.nn.functional.relu(x) + torch.cat([x, x])[:3]
        return y.sum(), torch.nn.functional.softmax(x, -1)


t = (
    torch.fx.Tracer(record_stack_traces=True)
    if "record_stack_traces" in torch.fx.Tracer.__init__.__code__.co_varnames
    else torch.fx.Tracer()
)
t.record_stack_traces = True
g = t.trace(N())
for n in g.nodes:
    print(n.op, n.name, n.target, (n.stack_trace or "").replace(os.getcwd(), ""))
print(torch.fx.symbolic_trace(N()).code)
print(make_fx(lambda x: torch.autograd.grad((x * x).sin().sum(), x)[0])(torch.ones(3, requires_grad=True)).code)
e = torch.export.export(N(), (torch.ones(3, 4),))
print(e)
e = torch.export.export(N(), (torch.ones(3, 4),), strict=False)
print(e)
for n in e.graph.nodes:
    print(n.name, (n.stack_trace or ""))
