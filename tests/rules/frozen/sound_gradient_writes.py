import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Embedding(10, 4, padding_idx=0), nn.Linear(4, 4))
opt = torch.optim.AdamW(net.parameters(), lr=0.1)
for i in range(4):
    opt.zero_grad()
    net(torch.tensor([i, 2, 9])).pow(2).mean().backward()
    for p in net.parameters():
        p.grad.clamp_(-0.001, 0.001)
        p.grad.div_(2.0)
        p.grad.add_(p.data, alpha=0.0)
        p.grad = p.grad / 2
        p.grad.mul_(torch.rand(()))
    nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    opt.step()
g = nn.Embedding(10, 4)
o = torch.optim.SGD(g.parameters(), lr=0.1)
for _ in range(4):
    o.zero_grad()
    g(torch.tensor([1, 2])).pow(2).sum().backward()
    g.weight.grad[2:] = 0
    o.step()
