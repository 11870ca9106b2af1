"""When graphs, contexts, modules and hooks die, as weak references, finalizers and __del__ see it."""

# listed: the Python object of a .grad

import gc
import weakref

import torch

gc.disable()
log = []


class Noted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.kept = Last("ctx")
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g


class Last:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(self.name)


def step(w):
    y = Noted.apply(w)
    z = y.sin().sum()
    weakref.finalize(y, log.append, "y")
    weakref.finalize(z, log.append, "z")
    here = Last("local")
    z.backward()
    log.append("end")


w = torch.ones(3, requires_grad=True)
table, sets = weakref.WeakKeyDictionary(), weakref.WeakSet()
for number in range(6):
    step(w)
    log.append("returned")
    net = torch.nn.Linear(3, 1)
    sets.add(net)
    weakref.finalize(net, log.append, "net")
    loss = net(w).sum()
    weakref.finalize(net.weight, log.append, "weight")
    hook = Last("hook")
    net.weight.register_hook(lambda g, hook=hook: None)
    loss.backward()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    weakref.finalize(optimizer, log.append, "optimizer")
    optimizer.step()
    del hook
    del optimizer
    log.append("optimizer deleted")
    del net, loss
    print(number, log, len(sets), gc.collect(), log[-2:], len(sets))
    log.clear()
