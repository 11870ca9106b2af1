"""A program that replaces itself."""

# alone: it replaces its process

import os
import sys

if len(sys.argv) < 2:
    os.execv(sys.executable, [sys.executable, __file__, "again"])

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


print(sys.argv[1:], step())
