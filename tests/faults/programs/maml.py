"""MAML in small: passes 1-3 are inner ones, so by default the outer loss.backward() is never recorded in full."""

import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
net = nn.Linear(1, 1)
opt = torch.optim.Adam(net.parameters(), 1e-2)
for step in range(3):
    fast = dict(net.named_parameters())
    x = torch.randn(8, 1)
    for _ in range(4):
        inner = (functional_call(net, fast, (x,)) - 2 * x).pow(2).mean()
        grads = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
        fast = {k: v - 0.1 * g for (k, v), g in zip(fast.items(), grads)}
    outer = (functional_call(net, fast, (x,)) - 2 * x).pow(2).mean()
    opt.zero_grad()
    outer.backward()
    opt.step()
    print(step, f"{outer.item():.5f}")
