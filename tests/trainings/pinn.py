"""A net that solves a differential equation: second derivatives by its inputs, and Hessians."""

import torch
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(2, 10), nn.Tanh(), nn.Linear(10, 1)).double()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(5):
    at = torch.rand(7, 2, dtype=torch.double, requires_grad=True)
    u = net(at)
    du = torch.autograd.grad(u.sum(), at, create_graph=True)[0]
    ddu = torch.autograd.grad(du[:, 0].sum(), at, create_graph=True)[0][:, 0]
    loss = (du[:, 1] - 0.1 * ddu).pow(2).mean() + u.pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(net, loss, torch.autograd.functional.hessian(lambda v: net(v).sum(), torch.ones(1, 2, dtype=torch.double))))
