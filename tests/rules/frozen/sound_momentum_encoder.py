import copy

import torch
from torch import nn

torch.manual_seed(0)


def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))


q = net()
k = copy.deepcopy(q)
for p in k.parameters():
    p.requires_grad = False
bnet = net()
for p in bnet[1].parameters():
    p.requires_grad_(False)
t = net().eval().requires_grad_(False)
g = net()
opt = torch.optim.Adam(q.parameters())
ob = torch.optim.SGD(filter(lambda p: p.requires_grad, bnet.parameters()), lr=0.1)
for _i in range(5):
    x = torch.randn(4, 1, 8, 8)
    with torch.no_grad():
        for a, b in zip(k.parameters(), q.parameters(), strict=False):
            a.data = a.data * 0.9 + b.data * 0.1
        z = k(x)
    loss = nn.functional.mse_loss(q(x), z) + nn.functional.mse_loss(q(x), t(x))
    opt.zero_grad()
    loss.backward()
    opt.step()
    ob.zero_grad()
    bnet(x).pow(2).mean().backward()
    ob.step()
