import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
w = net[0].weight.detach().requires_grad_(False).clone()
x = torch.randn(8, 4).requires_grad_(False)
net[2].weight.requires_grad_(False)
net[2].weight.requires_grad_(True)
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(4):
    opt.zero_grad()
    net(x).pow(2).mean().backward()
    opt.step()
