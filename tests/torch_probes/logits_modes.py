"""Meta, fake, inference, nested, quantised, sparse and masked tensors."""

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


import contextlib

from torch.utils._device import DeviceContext

with torch.device("meta"):
    mm = torch.nn.Linear(3, 3)
    y = mm(torch.ones(2, 3)).sum()
    y.backward()
    print(mm.weight.grad.device)
from torch._subclasses.fake_tensor import FakeTensorMode

with FakeTensorMode() as fm:
    mm = torch.nn.Linear(3, 3)
    y = mm(torch.ones(2, 3)).sum()
    y.backward()
    print(type(mm.weight.grad).__name__)
for i in range(5):
    with FakeTensorMode():
        mm = torch.nn.Linear(3, 3)
        mm(torch.ones(2, 3)).sum().backward()
print(step())
from torch.nn.utils import parametrize
from torch.sparse import to_sparse_semi_structured
from torch.utils.weak import WeakIdKeyDictionary

with torch.inference_mode():
    print(m(torch.ones(1, 4)).is_inference())
with torch.autograd.graph.allow_mutation_on_saved_tensors():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    z = y.sin()
    y.add_(1)
    z.sum().backward()
    print(x.grad)
nt = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged, requires_grad=True)
(nt * 2).sum().backward() if hasattr(nt, "sum") else 0
print(type(nt.grad))
q = torch.ao.quantization.FakeQuantize()
x = torch.randn(4, requires_grad=True)
q(x).sum().backward()
print(x.grad)
s = torch.eye(3).to_sparse().requires_grad_()
torch.sparse.mm(s, torch.ones(3, 2)).sum().backward()
print(s.grad.to_dense())
s = torch.eye(3).to_sparse_csr().requires_grad_()
(s @ torch.ones(3, 2)).sum().backward()
print(s.grad)
from torch.masked import masked_tensor

mt = masked_tensor(torch.ones(3), torch.tensor([True, False, True]), requires_grad=True)
mt.sum().backward()
print(mt.grad)
