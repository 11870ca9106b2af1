"""Scores of all pairs of two batches: each column is a distribution as much as each row is."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
left, right = nn.Linear(4, 3), nn.Linear(5, 3)
optimizer = torch.optim.SGD([*left.parameters(), *right.parameters()], lr=0.1)
same = torch.arange(8)
for _ in range(4):
    scores = left(torch.randn(8, 4)) @ right(torch.randn(8, 5)).T
    columns = F.log_softmax(scores, dim=0)
    loss = F.nll_loss(F.log_softmax(scores, dim=1), same) - columns.gather(1, same[:, None]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
