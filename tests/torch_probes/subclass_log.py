"""What tensor subclasses are asked."""

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


class S(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, t, a=(), k=None):
        print("tf", f.__name__, [x.__name__ for x in t])
        return super().__torch_function__(f, t, a, k or {})


s = torch.ones(3, requires_grad=True).as_subclass(S)
s2 = torch.nn.Parameter(torch.ones(3))
for i in range(5):
    y = (s * s2).sum()
    y.backward()
    print(type(y), s2.grad)
    s2.grad = None


class W(torch.Tensor):
    @staticmethod
    def __new__(cls, d):
        r = torch.Tensor._make_wrapper_subclass(cls, d.shape, dtype=d.dtype, requires_grad=d.requires_grad)
        r.d = d
        return r

    def __init__(self, d):
        pass

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, f, t, a=(), k=None):
        print("td", f)
        import torch.utils._pytree as P

        r = f(*P.tree_map_only(W, lambda x: x.d, a), **P.tree_map_only(W, lambda x: x.d, k or {}))
        return P.tree_map_only(torch.Tensor, W, r)


q = torch.nn.Parameter(W(torch.ones(3)))
for i in range(2):
    (q * 2).sum().backward()
    print(type(q.grad))
    q.grad = None
