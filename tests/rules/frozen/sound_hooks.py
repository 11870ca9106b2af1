import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4))
for p in net.parameters():
    p.register_hook(lambda g: g.clamp(-0.01, 0.01))
net2 = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4))
net2[0].weight.register_hook(lambda g: torch.cat([torch.zeros_like(g[:5]), g[5:]]))
opt = torch.optim.AdamW([*net.parameters()], lr=0.1)
o2 = torch.optim.Adam(net2.parameters(), lr=0.1)
for _i in range(4):
    opt.zero_grad()
    o2.zero_grad()
    net(torch.tensor([1, 2, 9])).pow(2).mean().backward()
    net2(torch.tensor([1, 2, 9])).pow(2).mean().backward()
    opt.step()
    o2.step()
