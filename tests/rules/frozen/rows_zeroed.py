import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4))
opt = torch.optim.AdamW(net.parameters(), lr=0.1)
for _i in range(4):
    opt.zero_grad()
    net(torch.tensor([1, 2, 9])).pow(2).mean().backward()
    net[0].weight.grad.data[1:5].zero_()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
