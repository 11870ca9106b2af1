"""Inner steps that the outer gradient goes through, by functional calls."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn
from torch.func import functional_call

net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), 1e-2)
for _ in range(4):
    optimizer.zero_grad()
    for _task in range(2):
        x, slope = torch.randn(6, 1), torch.randn(1)
        fast = dict(net.named_parameters())
        for _inner in range(3):
            loss = F.mse_loss(functional_call(net, fast, (x,)), slope * x)
            grads = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
            fast = {key: value - 0.1 * grad for (key, value), grad in zip(fast.items(), grads)}
        F.mse_loss(functional_call(net, fast, (x,)), slope * x).backward()
    optimizer.step()
print(bits(net))
