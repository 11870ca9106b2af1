import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
opt = torch.optim.SGD(net.parameters(), lr=0.05)
masks = {}


def train(n):
    for _ in range(n):
        opt.zero_grad()
        net(torch.randn(16, 6)).sub(1).pow(2).mean().backward()
        opt.step()
        with torch.no_grad():
            for weight, mask in masks.items():
                weight.mul_(mask)


train(2)
masks[net[0].weight] = (net[0].weight.abs() > net[0].weight.abs().median()).float()
with torch.no_grad():
    net[0].weight.mul_(masks[net[0].weight])
train(3)
masks.clear()
for _ in range(2):
    train(3)
    with torch.no_grad():
        keep = net[2].weight.norm(dim=1) > net[2].weight.norm(dim=1).median()
        net[2].weight.mul_(keep.float()[:, None].expand(4, 8))
train(3)
