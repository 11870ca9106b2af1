"""Twelve layers, and as many ways of clearing their gradients."""

import torch
from torch import nn

torch.manual_seed(0)


def assign(p):
    p.grad = torch.zeros_like(p.grad)


def multiply(p):
    p.grad *= 0


def subtract(p):
    p.grad.sub_(p.grad)


def index(p):
    p.grad[...] = 0


def delete(p):
    del p.grad


def none(p):
    p.grad = None


WAYS = {
    "assign": assign,
    "none": none,
    "delete": delete,
    "multiply": multiply,
    "mul_": lambda p: p.grad.mul_(0),
    "fill_": lambda p: p.grad.fill_(0),
    "zero_": lambda p: p.grad.zero_(),
    "data": lambda p: p.grad.data.zero_(),
    "copy_": lambda p: p.grad.copy_(torch.zeros_like(p)),
    "subtract": subtract,
    "index": index,
    "foreach": lambda p: torch._foreach_zero_([p.grad]),
}
nets = nn.ModuleDict({way: nn.Linear(3, 1) for way in WAYS})
opt = torch.optim.SGD(nets.parameters(), 0.01)
for step in range(4):
    x = torch.randn(4, 3)
    sum(net(x).pow(2).mean() for net in nets.values()).backward()
    opt.step()
    with torch.no_grad():
        for way, net in nets.items():
            for name, p in net.named_parameters():
                WAYS[way](p)
