"""How many tensors, nodes, frames and pieces of garbage there are, and how often each is referred to."""

import gc
import sys
import types

import torch

torch.manual_seed(0)
gc.collect()
gc.disable()
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def alive(kind):
    return sum(isinstance(one, kind) for one in gc.get_objects())


def step():
    optimizer.zero_grad()
    x = torch.ones(2, 3)
    hidden = net[0](x)
    loss = net(x).pow(2).mean() + hidden.sum()
    before = sys.getrefcount(hidden), sys.getrefcount(loss), sys.getrefcount(loss.grad_fn)
    loss.backward()
    optimizer.step()
    print(
        before, sys.getrefcount(hidden), sys.getrefcount(loss), sys.getrefcount(x), sys.getrefcount(net[0].weight.grad)
    )


for number in range(6):
    step()
    print(number, alive(torch.Tensor), alive(torch.nn.Module), alive(torch.autograd.graph.Node), gc.collect())
    print([sys.getrefcount(one) for one in net.parameters()], sys.getrefcount(net), sys.getrefcount(optimizer))
    print(
        [
            len([r for r in gc.get_referrers(one) if not isinstance(r, (list, types.FrameType))])
            for one in net.parameters()
        ]
    )
cycle = torch.ones(2, requires_grad=True)
y = (cycle * 2).sum()
y.backward(create_graph=True)
del y, cycle
print(alive(torch.Tensor), gc.collect() > 0, alive(torch.Tensor))
