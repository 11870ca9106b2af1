"""A program that forks in the middle of its training; the children go on, and end in three ways."""

import os
import sys

import torch

torch.manual_seed(0)
net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def step(scale):
    optimizer.zero_grad()
    loss = (net(torch.ones(2, 3)) * scale).pow(2).mean()
    loss.backward()
    optimizer.step()
    return loss.item()


print(step(1), flush=True)
for number in range(3):
    child = os.fork()
    if child == 0:
        print("child", number, step(2), step(3), torch.rand(1).item(), flush=True)
        if number == 0:
            os._exit(3)
        if number == 1:
            sys.exit(4)
        raise RuntimeError("the child's own error")
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), step(1), flush=True)
loss = net(torch.ones(1, 3)).sum()
child = os.fork()
if child == 0:
    loss.backward()
    print(net.weight.grad, flush=True)
    os._exit(0)
os.waitpid(child, 0)
loss.backward()
print(net.weight.grad)
