"""Blocks that are computed again in backward, of both kinds, with dropout."""

import torch
from _bits import bits
from torch import nn
from torch.utils.checkpoint import checkpoint

blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.2), nn.Tanh()) for _ in range(4)])
optimizer = torch.optim.Adam(blocks.parameters(), lr=0.01)
for _ in range(5):
    x = torch.randn(3, 8, requires_grad=True)
    y = x
    for number, block in enumerate(blocks):
        y = checkpoint(block, y, use_reentrant=number % 2 == 0)
    optimizer.zero_grad()
    y.pow(2).mean().backward()
    optimizer.step()
print(bits(blocks, x))
