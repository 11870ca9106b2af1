"""How deep the program may recurse, in forward and in backward code: a wrapper may cost a few frames, no more."""

# listed: levels left to recurse into

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


def r(n):
    try:
        torch.ones(1).add(1)
        return r(n + 1)
    except RecursionError:
        return n


import traceback


def depth_backward():
    class F(torch.autograd.Function):
        @staticmethod
        def forward(c, a):
            return a * 2

        @staticmethod
        def backward(c, g):
            def k(n):
                try:
                    return k(n + 1)
                except RecursionError:
                    return n

            print(sys.getrecursionlimit() - k(0) < 30)
            return g * 2

    F.apply(torch.ones(2, requires_grad=True)).sum().backward()


print(sys.getrecursionlimit() - r(0) < 30)
depth_backward()
