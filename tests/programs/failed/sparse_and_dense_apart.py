"""Two optimizers, each with what it can use."""

import torch
from torch import nn
emb = nn.Embedding(10, 4, sparse=True)
net = nn.Linear(4, 2)
a, b = torch.optim.SparseAdam(emb.parameters()), torch.optim.Adam(net.parameters())
for _ in range(3):
    a.zero_grad(); b.zero_grad()
    net(emb(torch.tensor([1, 2]))).pow(2).sum().backward()
    a.step(); b.step()
