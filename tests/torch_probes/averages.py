"""Averaged models, EMA by hand, batch norm updated, and schedules of SWA."""

import copy

import torch
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
mean, ema = AveragedModel(net), AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
by_hand = copy.deepcopy(net).requires_grad_(False)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
schedule = SWALR(optimizer, swa_lr=0.05)
for _ in range(6):
    optimizer.zero_grad()
    net(torch.randn(5, 3)).pow(2).mean().backward()
    optimizer.step()
    schedule.step()
    mean.update_parameters(net)
    ema.update_parameters(net)
    with torch.no_grad():
        for kept, new in zip(by_hand.parameters(), net.parameters()):
            kept.lerp_(new, 0.1)
update_bn([torch.randn(5, 3) for _ in range(3)], mean)
for one in (net, mean, ema, by_hand):
    print([parameter.sum().item() for parameter in one.parameters()], [buffer.sum().item() for buffer in one.buffers()])
print(mean.n_averaged, schedule.get_last_lr(), [one.grad for one in by_hand.parameters()])
