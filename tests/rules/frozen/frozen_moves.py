import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for i in range(8):
    if i == 4:
        for p in net[0].parameters():
            p.requires_grad = False
    for p in net.parameters():
        if p.requires_grad:
            p.grad = None
    net(torch.randn(8, 4)).pow(2).mean().backward()
    opt.step()
