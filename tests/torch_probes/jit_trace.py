"""Graphs of traced functions, with the check that jit makes of them."""

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


def g(x):
    return torch.nn.functional.gelu(x) * x.sum()


t = torch.jit.trace(g, torch.ones(3))
print(t.graph)
ts = torch.jit.trace(m, torch.ones(3, 4))
print(ts.graph, ts.code)
x = torch.ones(3, 4, requires_grad=True)
ts(x).sum().backward()
print(x.grad)


def gg(x):
    y = x * 2
    y = y.sum()
    return torch.autograd.grad(y, x)[0] if False else y


print(torch.jit.trace(gg, torch.ones(3, requires_grad=True)).graph)
import io

b = io.BytesIO()
torch.jit.save(ts, b)
print(len(b.getvalue()) > 0)
