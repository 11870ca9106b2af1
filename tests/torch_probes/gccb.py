"""The garbage collector's switches and callbacks in and around a pass."""

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

gc.callbacks.append(lambda ph, info: None)
print(gc.isenabled(), gc.get_threshold(), len(gc.callbacks))
x = torch.ones(2, requires_grad=True)
x.register_hook(lambda g: print(gc.isenabled(), gc.get_threshold(), len(gc.callbacks)))
(x * 2).sum().backward()
print(gc.isenabled(), gc.get_freeze_count())
gc.disable()
(x * 2).sum().backward()
print(gc.isenabled())
