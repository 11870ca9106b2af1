import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4))
kept = torch.arange(10) != 9
original = net[0].weight.detach().clone()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    net(torch.tensor([1, 2, 9])).pow(2).mean().backward()
    net[0].weight.grad[kept] = 0
    optimizer.step()
    with torch.no_grad():
        net[0].weight[kept] = original[kept]
