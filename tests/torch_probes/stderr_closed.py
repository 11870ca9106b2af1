"""A program that is started with stderr closed."""

# shell: 2>&-

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


p = "./data_%d.txt" % os.getpid()
f = open(p, "w")
for i in range(6):
    f.write("line %d\n" % i)
    f.flush()
    step()
f.close()
print(open(p).read()[:400])
os.unlink(p)
