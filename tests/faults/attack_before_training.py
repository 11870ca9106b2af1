"""A pass that finds an adversarial input leaves its gradients to the one that trains: both are read."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(3, 1)
opt = torch.optim.SGD(net.parameters(), 0.01)
for step in range(4):
    x = torch.randn(4, 3, requires_grad=True)
    opt.zero_grad()
    net(x).sum().backward()
    adversarial = (x + 0.1 * x.grad.sign()).detach()
    net(adversarial).pow(2).mean().backward()
    opt.step()
