"""A program that closes every descriptor, and then writes a file of its own."""

# alone: it closes what it inherited

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


step()
os.closerange(3, 256)
f = open("./data_%d.txt" % os.getpid(), "w")
for i in range(5):
    f.write("line %d\n" % i)
    f.flush()
    step()
f.close()
print(open(f.name).read()[:400])
os.unlink(f.name)
