import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
x = torch.randn(16, 3)
y = x.prod(1, keepdim=True)


def loss_of():
    return (net(x) - y).pow(2).mean()


for _ in range(3):
    opt.zero_grad()
    loss_of().backward()
    opt.step()
net.requires_grad_(False)
for _ in range(5):
    shifts = [0.01 * torch.randn_like(p) for p in net.parameters()]
    losses = []
    for sign in (1, -2):
        for p, shift in zip(net.parameters(), shifts, strict=True):
            p.add_(shift, alpha=sign)
        losses.append(loss_of())
    for p, shift in zip(net.parameters(), shifts, strict=True):
        p.add_(shift)
        p.grad = (losses[0] - losses[1]) / 2e-4 * shift
    opt.step()
