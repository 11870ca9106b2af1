"""Gradients of several small batches added up, some kept graphs, one backward of two losses."""

import torch
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for step in range(9):
    y = net(torch.randn(2, 4))
    torch.autograd.backward([y[:, 0].mean() / 3, y[:, 1].pow(2).mean() / 3], retain_graph=step % 3 == 0)
    if step % 3 == 0:
        y.sum().backward()
    if step % 3 == 2:
        optimizer.step()
        optimizer.zero_grad()
print(bits(net))
