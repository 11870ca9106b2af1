"""A momentum encoder and a weight computed under no_grad."""

import torch
from torch import nn
import copy

torch.manual_seed(0)
online = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
target = copy.deepcopy(online)
pred = nn.Linear(4, 4)
opt = torch.optim.Adam([*online.parameters(), *pred.parameters()])
for _ in range(4):
    a, b = torch.randn(8, 4), torch.randn(8, 4)
    with torch.no_grad():
        y = target(b)
        z = online(b)
        w = (y - z).abs().mean()
    loss = (pred(online(a)) - y).pow(2).mean() * (1 + w)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for p, q in zip(target.parameters(), online.parameters()):
            p.mul_(0.9).add_(0.1 * q)
