"""Libraries that wrap backward, grad, step, zero_grad and calls of modules, and put them back, in two orders."""

import functools

import torch

torch.manual_seed(0)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
PLACES = [
    (torch.Tensor, "backward"),
    (torch.autograd, "backward"),
    (torch.autograd, "grad"),
    (torch.autograd, "_engine_run_backward"),
    (torch.optim.Optimizer, "zero_grad"),
    (torch.optim.SGD, "step"),
    (torch.nn.Module, "zero_grad"),
    (torch.nn.Module, "__call__"),
    (torch.nn.functional, "linear"),
]
calls = []


def wrap(owner, name):
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*args, **kwargs):
        calls.append(name)
        return original(*args, **kwargs)

    setattr(owner, name, wrapper)
    return owner, name, original


def step():
    optimizer.zero_grad()
    net.zero_grad()
    loss = net(torch.ones(2, 3)).pow(2).mean()
    torch.autograd.grad(loss, net.weight, retain_graph=True)
    loss.backward()
    optimizer.step()


for turn in range(5):
    undo = [wrap(*place) for place in PLACES]
    step()
    for owner, name, original in undo if turn % 2 else reversed(undo):
        setattr(owner, name, original)
    print(turn, calls)
    calls.clear()
    step()
    print(calls, [getattr(owner, name) is original for owner, name, original in undo])
mine = optimizer.step
optimizer.step = lambda *a, **k: (calls.append("instance"), mine(*a, **k))[1]
step()
print(calls, net.weight.flatten().tolist())
