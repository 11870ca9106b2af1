"""Tracebacks of some twenty ways to be wrong, twice each."""

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


import traceback


def t(f):
    try:
        f()
    except BaseException:
        traceback.print_exc()


x = torch.ones(3, requires_grad=True)


def twice():
    l = (x**2).sum()
    l.backward()
    l.backward()


def inplace():
    y = x * 2
    z = y.sin()
    y.add_(1)
    z.sum().backward()


def nograd():
    torch.ones(3).sum().backward()


def shape():
    (x * 2).backward()


def mm():
    torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 5))


def mod():
    m(torch.ones(2, 9))


class F(torch.autograd.Function):
    @staticmethod
    def forward(c, a):
        return a * 2

    @staticmethod
    def backward(c, g):
        raise ValueError("in backward")


class B(torch.autograd.Function):
    @staticmethod
    def forward(c, a):
        return a * 2

    @staticmethod
    def backward(c, g):
        return g, g


class C(torch.autograd.Function):
    @staticmethod
    def forward(c, a):
        raise ValueError("in forward")


class D(torch.autograd.Function):
    @staticmethod
    def forward(c, a):
        return a * 2

    @staticmethod
    def backward(c, g):
        return g[:1]


def fb():
    F.apply(x).sum().backward()


def bb():
    B.apply(x).sum().backward()


def cc():
    C.apply(x)


def dd():
    D.apply(x).sum().backward()


def unused():
    torch.autograd.grad(x.sum(), torch.ones(1, requires_grad=True))


def leafin():
    x.add_(1)


def np_():
    x.numpy()


def bo():
    bool(x)


def item():
    x.item()


def ctx():
    try:
        F.apply(x).sum().backward()
    except ValueError as e:
        raise KeyError("k") from e


def cl():
    o.zero_grad(1, 2, 3)


def st():
    o.step(closure=5)


for i in range(2):
    for f in (twice, inplace, nograd, shape, mm, mod, fb, bb, cc, dd, unused, leafin, np_, bo, item, ctx, cl, st):
        t(f)
raise RuntimeError("end")
