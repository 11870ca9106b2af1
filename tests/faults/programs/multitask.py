"""Three tasks, three heads, one backward each: their sum is the loss that is meant."""

import torch
from torch import nn

torch.manual_seed(0)
body = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
heads = nn.ModuleList([nn.Linear(8, 1) for _ in range(3)])
opt = torch.optim.Adam([*body.parameters(), *heads.parameters()], 1e-3)
for step in range(4):
    x = torch.randn(8, 4)
    opt.zero_grad()
    for i, head in enumerate(heads):
        nn.functional.mse_loss(head(body(x)), x[:, i : i + 1]).backward()
    opt.step()
