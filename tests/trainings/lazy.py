"""Lazy layers that find their shapes in the first step."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Sequential(nn.LazyConv1d(4, 3), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(5):
    loss = F.cross_entropy(net(torch.randn(4, 3, 9)), torch.randint(0, 2, (4,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(net))
