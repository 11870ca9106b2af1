"""A continuous normalising flow in small: a divergence, summed with its graph, which the loss needs."""

import torch
from torch import nn

torch.manual_seed(0)
field = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
opt = torch.optim.Adam(field.parameters(), 1e-3)


def divergence(flow, at):
    total = 0.0
    for axis, component in enumerate(flow.unbind(1)):
        (slope,) = torch.autograd.grad(component.sum(), at, create_graph=True)
        total += slope[:, axis]
    return total


for step in range(3):
    points, change = torch.randn(16, 2, requires_grad=True), 0.0
    for _ in range(12):
        flow = field(points)
        change = change - 0.1 * divergence(flow, points)
        points = points + 0.1 * flow
    loss = (points.pow(2).sum(1) / 2 - change).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, f"{loss.item():.5f}")
