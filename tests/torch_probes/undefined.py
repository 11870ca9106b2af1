"""Gradients that are undefined, batched, or strided."""

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


class U(torch.autograd.Function):
    @staticmethod
    def forward(c, a, b):
        c.set_materialize_grads(False)
        return a * 2, b * 3

    @staticmethod
    def backward(c, g, h):
        print(g is None, h is None)
        return (g * 2 if g is not None else None), (h * 3 if h is not None else None)


a = torch.ones(2, requires_grad=True)
b = torch.ones(2, requires_grad=True)
for i in range(2):
    p, q = U.apply(a, b)
    p.sum().backward()
    print(a.grad, b.grad)
p, q = U.apply(a, b)
print(torch.autograd.grad((p.sum(), q.sum()), (a, b)))
print(torch.autograd.grad(p.sum() if 0 else (a * b).sum(), (a, b), grad_outputs=None, is_grads_batched=False))
v = torch.eye(2)
print(torch.autograd.grad(a * b, a, v, is_grads_batched=True))
x = torch.ones(3, requires_grad=True)
(x.expand(4, 3) * 1).sum().backward()
print(x.grad, x.grad.is_contiguous(), x.grad.stride())
x = torch.ones(3, 4, requires_grad=True)
x.t().contiguous().sum().backward()
print(x.grad.stride())
e = torch.ones(3, 4).t().requires_grad_()
(e * 2).sum().backward()
print(e.grad.stride())
