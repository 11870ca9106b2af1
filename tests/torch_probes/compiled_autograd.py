"""Losses of a compiled function that runs backward inside."""

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

torch._dynamo.config.compiled_autograd = True
f = torch.compile(lambda x: m(x).pow(2).mean(), backend="eager")


@torch.compile(backend="eager")
def tr(x):
    l = m(x).pow(2).mean()
    l.backward()
    return l


for i in range(4):
    m.zero_grad()
    print(tr(torch.ones(3, 4)).item())
print(m[0].weight.grad.sum().item())
