"""The frames that each kind of hook sees below itself: a wrapper of ours cannot be hidden, more than two are wrong."""

# listed: one frame more

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


import inspect
import traceback


def show(tag):
    stack = traceback.extract_stack()[:-1]
    wrappers = [f for f in stack if "gradtrace" in f.filename]
    print(tag, [(os.path.basename(f.filename), f.name) for f in stack if f not in wrappers], len(wrappers) <= 2)


x = torch.ones(3, requires_grad=True)
y = x * 2
y.register_hook(lambda g: show("tensor hook"))
y.grad_fn.register_hook(lambda a, b: show("node hook"))
x.register_post_accumulate_grad_hook(lambda t: show("post acc"))


class F(torch.autograd.Function):
    @staticmethod
    def forward(c, a):
        show("fwd")
        return a * 2

    @staticmethod
    def backward(c, g):
        show("bwd")
        return g * 2


F.apply(y).sum().backward()
torch.autograd.grad(F.apply(x * 3).sum(), x)
m.register_forward_hook(lambda *a: show("module hook"))
m(torch.ones(3, 4))


class O(torch.optim.SGD):
    def __init__(s, *a, **k):
        super().__init__(*a, **k)

    def add_param_group(s, g):
        show("add_param_group")
        super().add_param_group(g)

    def zero_grad(s, set_to_none=True):
        show("zero")
        super().zero_grad(set_to_none)

    def step(s, c=None):
        show("step")
        return super().step(c)


oo = O(m.parameters(), lr=0.1)
oo.register_step_post_hook(lambda *a: show("post step"))
oo.zero_grad()
m(torch.ones(3, 4)).sum().backward()
oo.step()
import threading

t = threading.Thread(target=lambda: show("thread"))
t.start()
t.join()
t = threading.Thread(target=lambda: show("daemon"), daemon=True)
t.start()
t.join()
