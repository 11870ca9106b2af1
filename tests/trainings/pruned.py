"""Weights pruned between steps, and frozen."""

import torch
from _bits import bits
from torch import nn
from torch.nn.utils import prune

net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(6):
    optimizer.zero_grad()
    net(torch.randn(4, 6)).pow(2).mean().backward()
    optimizer.step()
    if step == 2:
        prune.l1_unstructured(net[0], "weight", amount=0.3)
        prune.ln_structured(net[2], "weight", amount=1, n=2, dim=1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    if step == 4:
        net[0].requires_grad_(False)
prune.remove(net[0], "weight")
print(bits(net))
