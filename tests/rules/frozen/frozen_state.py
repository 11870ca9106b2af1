import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
for name, p in net.state_dict().items():
    if "0." in name:
        p.requires_grad_(False)
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(4):
    opt.zero_grad()
    net(torch.randn(8, 4)).pow(2).mean().backward()
    opt.step()
