import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))


def fit(n):
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(n):
        opt.zero_grad()
        net(torch.randn(8, 8)).pow(2).mean().backward()
        opt.step()


def prune(net, frac):
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, nn.Linear):
                t = m.weight.abs().flatten().kthvalue(max(1, int(frac * m.weight.numel()))).values
                m.weight[m.weight.abs() <= t] = 0.0


fit(5)
prune(net, 0.5)
fit(5)
