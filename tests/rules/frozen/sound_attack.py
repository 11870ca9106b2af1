import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(5):
    x = torch.randn(8, 4)
    net.requires_grad_(False)
    delta = torch.zeros_like(x, requires_grad=True)
    net(x + delta).pow(2).mean().backward()
    net.requires_grad_(True)
    optimizer.zero_grad()
    (net(x + 0.1 * delta.grad.sign()) - 1).pow(2).mean().backward()
    optimizer.step()
net.requires_grad_(False)
