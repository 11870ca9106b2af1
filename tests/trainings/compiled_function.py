"""A compiled loss with dynamic shapes."""

# imports: torch._dynamo.utils

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Linear(4, 3)


@torch.compile(backend="aot_eager")
def loss(y, target):
    return F.cross_entropy(y, target) + y.logsumexp(-1).pow(2).mean() * 0.01


optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for size in (2, 3, 5, 3):
    optimizer.zero_grad()
    loss(net(torch.randn(size, 4)), torch.randint(0, 3, (size,))).backward()
    optimizer.step()
print(bits(net))
