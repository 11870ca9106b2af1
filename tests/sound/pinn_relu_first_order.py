"""A physics-informed network with ReLU and a first-order equation: u' = -u."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(8):
    t = torch.linspace(0, 2, 30).reshape(-1, 1).requires_grad_(True)
    u = net(t)
    (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    physics = (du + u).pow(2).mean()
    start = (net(torch.zeros(1, 1)) - 1).pow(2).mean()
    loss = physics + start
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item(), physics.item(), start.item())
