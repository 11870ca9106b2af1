"""A program that wraps backward, zero_grad and calls of modules itself."""

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


ob = torch.Tensor.backward


def pb(self, *a, **k):
    print("patched backward")
    return ob(self, *a, **k)


torch.Tensor.backward = pb
step()
torch.Tensor.backward = ob
oz = torch.optim.Optimizer.zero_grad


def pz(self, *a, **k):
    print("patched zero")
    return oz(self, *a, **k)


torch.optim.Optimizer.zero_grad = pz
step()
step()
step()
step()
torch.optim.Optimizer.zero_grad = oz
step()
og = torch.autograd.backward
torch.autograd.backward = lambda *a, **k: (print("ab"), og(*a, **k))[1]
step()
torch.autograd.backward = og
print(torch.optim.Optimizer.zero_grad is oz, torch.Tensor.backward is ob)
oc = torch.nn.Module.__call__


def pc(self, *a, **k):
    print("call", type(self).__name__)
    return oc(self, *a, **k)


torch.nn.Module.__call__ = pc
step()
torch.nn.Module.__call__ = oc
