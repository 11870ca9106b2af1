"""A library's own functions ask a mode of the program, in each of six steps."""

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


import importlib

from torch.overrides import TorchFunctionMode, has_torch_function, is_tensor_like

seen = []


class M(TorchFunctionMode):
    def __torch_function__(self, f, t, a=(), k=None):
        seen.append(f.__name__)
        return f(*a, **(k or {}))


import torch.distributions
import torch.masked
import torch.nn.utils.stateless
import torch.signal

# a user's module which imports the check
src = """from torch.overrides import has_torch_function, has_torch_function_unary, handle_torch_function
def myrelu(x):
    if has_torch_function((x,)): return handle_torch_function(myrelu,(x,),x)
    if has_torch_function_unary(x): return handle_torch_function(myrelu,(x,),x)
    return x.relu()
"""
import types

mod = types.ModuleType("usermod")
exec(src, mod.__dict__)
sys.modules["usermod"] = mod
x = torch.ones(3)
for i in range(6):
    seen.clear()
    with M():
        mod.myrelu(x)
        torch.nn.functional.gelu(x)
        torch.functional.norm(x)
        torch.einsum("i,i", x, x)
        torch.nn.functional.max_pool1d(torch.ones(1, 1, 4), 2)
    print(i, seen)
    step()
