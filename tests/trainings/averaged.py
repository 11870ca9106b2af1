"""Averaged weights with batch norm updated, and a cyclic rate."""

import torch
from _bits import bits
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn

net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
mean, schedule = AveragedModel(net), SWALR(optimizer, swa_lr=0.02)
for step in range(8):
    optimizer.zero_grad()
    net(torch.randn(5, 4)).pow(2).mean().backward()
    optimizer.step()
    if step > 3:
        mean.update_parameters(net)
        schedule.step()
update_bn([torch.randn(5, 4) for _ in range(3)], mean)
print(bits(net, mean))
