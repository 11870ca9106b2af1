"""An optimizer of the program's own, hooks on steps, copies, LBFGS and a schedule."""

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


class MyOpt(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        l = None
        if closure is not None:
            with torch.enable_grad():
                l = closure()
        for g in self.param_groups:
            for p in g["params"]:
                p.add_(p.grad, alpha=-g["lr"])
        return l


o2 = MyOpt(m.parameters())
print(
    inspect.signature(MyOpt.__init__),
    inspect.signature(torch.optim.Optimizer.__init__),
    inspect.signature(torch.optim.Optimizer.zero_grad),
    inspect.getsourcefile(torch.optim.Optimizer.__init__).endswith("optimizer.py"),
)
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

register_optimizer_step_post_hook(lambda *a: print("post"))
register_optimizer_step_pre_hook(lambda *a: print("pre"))


def cl():
    o2.zero_grad()
    l = m(torch.ones(3, 4)).sum()
    l.backward()
    return l


print(o2.step(cl))
step()
print(o2.state_dict(), o2)
try:
    MyOpt([])
except ValueError as e:
    import traceback

    traceback.print_exc()
try:
    torch.optim.SGD(m.parameters(), lr=-1)
except ValueError as e:
    traceback.print_exc()
import copy
import pickle

o3 = copy.deepcopy(o)
pickle.loads(pickle.dumps(o))
print(o3.state_dict() == o.state_dict())
lb = torch.optim.LBFGS(m.parameters())


def c2():
    lb.zero_grad()
    l = m(torch.ones(3, 4)).pow(2).sum()
    l.backward()
    return l


for i in range(4):
    print(lb.step(c2))
s = torch.optim.lr_scheduler.StepLR(o, 1)
s.step()
step()
s.step()
print(s.get_last_lr())
