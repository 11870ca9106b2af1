"""The stack limit after a graph of 12,000 nodes, also of children."""

# alone: it looks at what the process was given

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


import resource
import subprocess

print(resource.getrlimit(resource.RLIMIT_STACK))
x = torch.ones(2, requires_grad=True)
y = x
for i in range(12000):
    y = y + 1
y.sum().backward()
print(resource.getrlimit(resource.RLIMIT_STACK))
print(subprocess.run("ulimit -s", shell=True, capture_output=True, text=True).stdout)
