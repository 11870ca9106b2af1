"""A mode of the program sees its own calls, and none after it."""

# options: --passes 2

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


from torch.overrides import TorchFunctionMode


class M(TorchFunctionMode):
    n = 0

    def __torch_function__(self, f, t, a=(), k=None):
        M.n += 1
        return f(*a, **(k or {}))


for r in range(3):
    with M():
        for i in range(4):
            step()
    n = M.n
    torch.ones(3) + 1
    torch.ones(3).sin()
    print("after with", M.n - n, torch._C._len_torch_function_stack() <= 1)
