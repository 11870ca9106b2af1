"""A GradScaler looks for its factor: the first passes overflow, and their steps are skipped."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(8, 1)
opt = torch.optim.SGD(net.parameters(), 1e-5)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
for step in range(24):
    loss = (net(torch.randn(16, 8)) * 30).pow(2).mean()
    opt.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()
