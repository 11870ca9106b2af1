"""Two views pulled together, with a momentum encoder and a queue."""

import copy

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.GELU(), nn.Linear(12, 4))
slow, queue = copy.deepcopy(net).requires_grad_(False), F.normalize(torch.randn(16, 4), dim=1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(6):
    x = torch.randn(5, 6)
    q = F.normalize(net(x + 0.1 * torch.randn_like(x)), dim=1)
    with torch.no_grad():
        for a, b in zip(slow.parameters(), net.parameters()):
            a.mul_(0.9).add_(b, alpha=0.1)
        k = F.normalize(slow(x), dim=1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.2
    loss = F.cross_entropy(logits, torch.zeros(5, dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    queue = torch.cat([k, queue])[:16]
print(bits(net, slow, queue))
