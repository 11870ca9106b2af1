"""Every operation that a TorchDispatchMode of the program sees."""

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


from torch.utils._python_dispatch import TorchDispatchMode


class L(TorchDispatchMode):
    def __torch_dispatch__(self, f, t, a=(), k=None):
        print(f)
        return f(*a, **(k or {}))


with L():
    step()
with L():
    x = torch.randn(20, 20, requires_grad=True)
    y = (x @ x).relu().sum()
    y.backward()
