import torch
from torch import nn


def clip(params, limit):
    total = sum(float(p.grad.pow(2).sum()) for p in params) ** 0.5
    if total > limit:
        for p in params:
            p.grad.mul_(limit / total)


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
params = list(net.parameters())
opt = torch.optim.SGD(params, 1e-3)
for step in range(5):
    x = 5 * torch.randn(16, 5)
    loss = (net(x).squeeze(1) - x.prod(1)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    clip(params, 0.1)
    opt.step()
    print(step, loss.item())
