import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(4, 2)
opt = torch.optim.SGD(net.parameters(), lr=1e-2)
for _task in range(3):
    saved = [p.data for p in net.parameters()]
    for _i in range(2):
        loss = net(torch.randn(8, 4)).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        for p, s in zip(net.parameters(), saved, strict=False):
            p.copy_(s)
