"""The order and number of all kinds of hooks, and errors in them."""

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


from torch.autograd.graph import (
    GradientEdge,
    get_gradient_edge,
    increment_version,
    register_multi_grad_hook,
)

x = torch.ones(3, requires_grad=True)
log = []
h = []
for i in range(5):
    y = x * 2
    z = y.sin()
    y.register_hook(lambda g: log.append("h1"))
    y.register_hook(lambda g: log.append("h2") or g * 2)
    y.retain_grad()
    z.grad_fn.register_prehook(lambda g: log.append("pre"))
    z.grad_fn.register_hook(lambda a, b: log.append("post"))
    hh = x.register_hook(lambda g: log.append("leaf"))
    one = []

    def oneshot(g):
        log.append("one")
        one[0].remove()

    one.append(x.register_hook(oneshot))
    pa = x.register_post_accumulate_grad_hook(lambda t: log.append("acc"))
    mg = register_multi_grad_hook((x, y), lambda gs: log.append("multi"))
    z.sum().backward(retain_graph=True)
    print(len(x._backward_hooks), list(x._backward_hooks) == sorted(x._backward_hooks))
    z.sum().backward()
    hh.remove()
    pa.remove()
    mg.remove()
    print(log, y.grad, x.grad)
    log.clear()
    x.grad = None
y = x * 2
print(
    y.grad_fn.name(),
    y.grad_fn.next_functions,
    y.grad_fn._sequence_nr() >= 0,
    y.grad_fn.metadata,
    get_gradient_edge(y).output_nr,
)


def bad(g):
    return "no"


y.register_hook(bad)
try:
    y.sum().backward()
except Exception as e:
    print(type(e), e)


def raising(g):
    raise ValueError("x")


y = x * 2
y.register_hook(raising)
import traceback

try:
    y.sum().backward()
except Exception as e:
    traceback.print_exc()
