"""How often saved-tensor hooks and checkpoints run."""

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


n = [0, 0]


def pack(x):
    n[0] += 1
    return x


def unpack(x):
    n[1] += 1
    return x


for i in range(5):
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        l = (m(torch.ones(3, 4)) ** 2).mean()
    l.backward()
    print(n)
with torch.autograd.graph.save_on_cpu():
    l = (m(torch.ones(3, 4)) ** 2).mean()
l.backward()
with torch.autograd.graph.disable_saved_tensors_hooks("no"):
    l = (m(torch.ones(3, 4)) ** 2).mean()
    l.backward()
from torch.utils.checkpoint import checkpoint

for r in (True, False):
    x = torch.ones(3, 4, requires_grad=True)
    checkpoint(m, x, use_reentrant=r).sum().backward()
    print(x.grad.sum())
calls = [0]


def cf(x):
    calls[0] += 1
    return m(x).sin()


for i in range(5):
    x = torch.ones(3, 4, requires_grad=True)
    checkpoint(cf, x, use_reentrant=False).sum().backward()
print(calls)
with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):

    def bad(x):
        calls[0] += 1
        return x.sin() if calls[0] % 2 else x.sin().cos()

    try:
        checkpoint(bad, x, use_reentrant=False).sum().backward()
    except Exception as e:
        print(type(e), str(e)[:3000])
