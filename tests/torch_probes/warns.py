"""Warnings of torch and of the program, with their lines."""

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


import warnings


def f():
    warnings.warn("one", stacklevel=2)


x = torch.ones(3, requires_grad=True)
y = x * 2
print(y.grad)
torch.tensor(x)
x.grad
torch.nn.functional.softmax(x)
torch.nn.functional.sigmoid(x)
torch.meshgrid(torch.ones(2), torch.ones(2))
y.sum().backward(create_graph=True)
s = torch.optim.lr_scheduler.StepLR(o, 1)
s.step()
torch.nn.functional.mse_loss(torch.ones(3), torch.ones(3, 1))
torch.nn.utils.clip_grad_norm(m.parameters(), 1.0)
y.register_hook(lambda g: f())
y.sum().backward()
with warnings.catch_warnings(record=True) as w:
    warnings.simplefilter("always")
    f()
    torch.nn.functional.softmax(x)
    print(y.grad)
    y.detach().requires_grad_().grad
    torch.nn.functional.nll_loss(torch.ones(2, 3), torch.zeros(2).long(), size_average=True)
    print([(str(i.message)[:40], os.path.basename(i.filename), i.lineno) for i in w])
print(len(globals().get("__warningregistry__", {})))
