"""What is registered before and after torch is imported runs at exit, and objects are deleted."""

# alone: it is about the end of the interpreter

import atexit

atexit.register(lambda: print("first", torch._C._len_torch_function_stack()))

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


print(step())


def last():
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    print("at exit", x.grad, step())


atexit.register(last)


class K:
    def __del__(s):
        print("del", torch is not None and torch.ones(2).sum().item())


k = K()
sys.modules["keep"] = k
