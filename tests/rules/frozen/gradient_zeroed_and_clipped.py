import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=1e-2)
for _ in range(4):
    opt.zero_grad()
    net(torch.randn(8, 4)).pow(2).mean().backward()
    for n, p in net.named_parameters():
        if n.startswith("0."):
            p.grad.zero_()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    opt.step()
