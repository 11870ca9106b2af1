"""Custom Functions: a quantiser that lets gradients straight through, and one reversed."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, levels):
        ctx.save_for_backward(x)
        return (x * levels).round() / levels

    @staticmethod
    def backward(ctx, g):
        return g * (ctx.saved_tensors[0].abs() < 1), None


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -0.5 * g


net, judge = nn.Linear(4, 6), nn.Linear(6, 2)
optimizer = torch.optim.SGD([*net.parameters(), *judge.parameters()], lr=0.1)
for _ in range(6):
    codes = Round.apply(net(torch.randn(5, 4)), 4)
    loss = codes.pow(2).mean() + F.cross_entropy(judge(Reverse.apply(codes)), torch.randint(0, 2, (5,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(net, judge))
