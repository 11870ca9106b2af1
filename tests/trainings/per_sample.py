"""Gradients of each sample, clipped one by one, with noise: private training."""

import torch
from _bits import bits
from torch import nn
from torch.func import functional_call, grad, vmap

net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def loss(weights, x, y):
    return (functional_call(net, weights, (x,)) - y).pow(2).sum()


for _ in range(6):
    weights = {key: value.detach() for key, value in net.named_parameters()}
    x = torch.randn(5, 4)
    each = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, x.sum(1, keepdim=True))
    norms = torch.stack([one.flatten(1).norm(dim=1) for one in each.values()]).norm(dim=0)
    for key, one in net.named_parameters():
        scaled = each[key] * (1 / norms.clamp(min=1)).reshape(-1, *[1] * one.dim())
        one.grad = scaled.mean(0) + 0.01 * torch.randn_like(one)
    optimizer.step()
print(bits(net))
