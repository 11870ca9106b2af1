"""The stack of the forward call that anomaly mode prints."""

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


torch.autograd.set_detect_anomaly(True)


def f(x):
    return torch.sqrt(x)


x = torch.zeros(3, requires_grad=True)
try:
    (f(x) * 0).sum().backward()
except RuntimeError as e:
    print(e)
