"""A dense embedding goes to the sparse optimizer."""

import torch
from torch import nn
emb = nn.Embedding(10, 4)  # shown
net = nn.Linear(4, 2)
a, b = torch.optim.SparseAdam(emb.parameters()), torch.optim.Adam(net.parameters())
net(emb(torch.tensor([1, 2]))).sum().backward()
a.step(); b.step()  # shown
