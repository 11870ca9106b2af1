"""locals() and objects that answer to every question by printing."""

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


def f():
    a = 1
    x = torch.ones(2, requires_grad=True)
    d = locals()
    y = (x * 2).sum()
    b = 2
    y.backward()
    print(sorted(d), sorted(locals()))


f()


def g():
    d = locals()
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    torch.ones(2).sin()
    print(sorted(d))
    d["z"] = 5
    (x * 2).sum().backward()
    print(sorted(d), "z" in locals())


g()


class D(dict):
    def items(s):
        print("items called")
        return super().items()

    def __getattr__(s, k):
        print("getattr", k)
        raise AttributeError(k)


dd = D(a=torch.ones(2))


class E:
    def __getattr__(s, k):
        print("E getattr", k)
        raise AttributeError(k)

    @property
    def __dict__(s):
        print("E dict")
        return {}

    @property
    def __class__(s):
        print("E class")
        return int


e = E()


class L(list):
    def __iter__(s):
        print("iter")
        return super().__iter__()

    def __len__(s):
        print("len")
        return 0


l = L([torch.ones(2)])


class K:
    def __hash__(s):
        print("hash")
        return 1

    def __eq__(s, o):
        print("eq")
        return True

    def __repr__(s):
        print("repr")
        return "K"


k = {K(): torch.ones(1)}
kk = K()


class P:
    @property
    def w(s):
        print("prop")
        return torch.ones(2)


self = P()
for i in range(2):
    step()
