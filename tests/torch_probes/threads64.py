"""Passes of sixty-four threads, of daemons, and of a bare thread."""

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


import threading

out = {}


def wk(i):
    p = torch.ones(4, requires_grad=True)
    for s in range(5):
        ((p * i).sin().sum()).backward()
    out[i] = p.grad.sum().item()


ts = [threading.Thread(target=wk, args=(i,)) for i in range(64)]
[t.start() for t in ts]
[t.join() for t in ts]
print(sorted(out.items()), threading.active_count())
w_ = torch.ones(4, requires_grad=True)
l = [(w_ * i).sum() for i in range(16)]
ts = [threading.Thread(target=x.backward, daemon=bool(i % 2)) for i, x in enumerate(l)]
[t.start() for t in ts]
[t.join() for t in ts]
print(w_.grad)
import _thread
import time

_thread.start_new_thread(lambda: print((torch.ones(2, requires_grad=True) * 2).sum().backward()), ())
time.sleep(0.5)
