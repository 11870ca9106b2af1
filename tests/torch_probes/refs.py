"""References to tensors, nodes and modules, and when they die."""

# listed: the Python object of a .grad

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


import gc
import weakref

log = []


class N(torch.nn.Module):
    def __init__(s):
        super().__init__()
        s.w = torch.nn.Parameter(torch.ones(2))

    def forward(s, x):
        y = x * s.w
        weakref.finalize(y, log.append, "y")
        z = y.sum()
        weakref.finalize(z, log.append, "z")
        return z


gc.disable()
n = N()
for i in range(5):
    l = n(torch.ones(2))
    l.backward()
    log.append("end%d" % i)
    del l
    log.append("del")
    log.append(len([o for o in gc.get_objects() if isinstance(o, torch.Tensor)]))
print(log)
print(sys.getrefcount(n.w), sys.getrefcount(n))
l = n(torch.ones(2))
print(l.grad_fn is l.grad_fn, sys.getrefcount(l.grad_fn), sys.getrefcount(l))
weakref.finalize(n, print, "model gone")
del n, l
print("after del")
