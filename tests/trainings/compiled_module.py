"""A compiled module trained by an ordinary loop."""

# imports: torch._dynamo.utils

import torch
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
fast = torch.compile(net, backend="aot_eager")
optimizer = torch.optim.Adam(fast.parameters(), lr=0.01)
for _ in range(5):
    optimizer.zero_grad()
    fast(torch.randn(3, 4)).pow(2).mean().backward()
    optimizer.step()
print(bits(net))
