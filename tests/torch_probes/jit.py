"""Scripted and traced functions and modules, and their graphs."""

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


import torch.nn.functional as F


@torch.jit.script
def f(x):
    return F.relu(x) + F.softmax(x, 0) + F.dropout(x, 0.0, False) + F.layer_norm(x, [3])


print(f.graph)
print(f(torch.ones(3)))


def g(x):
    return F.gelu(x) * x.sum()


t = torch.jit.trace(g, torch.ones(3))
print(t.graph)
ts = torch.jit.trace(m, torch.ones(3, 4))
print(ts.graph, ts.code)
s = torch.jit.script(m)
print(s.code, s.graph)
e = torch.jit.script(torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
print(e.code[:2000])
x = torch.ones(3, 4, requires_grad=True)
s(x).sum().backward()
print(x.grad)
