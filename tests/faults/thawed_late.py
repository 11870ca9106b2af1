"""Parameters that are frozen until long after the passes that are recorded in full."""

import torch
from torch import nn

torch.manual_seed(0)
body, head = nn.Linear(3, 3), nn.Linear(3, 1)
body.requires_grad_(False)
opt = torch.optim.SGD([*body.parameters(), *head.parameters()], 1e-3)
for step in range(40):
    if step == 30:
        body.requires_grad_(True)
    opt.zero_grad()
    loss = head(body(torch.randn(4, 3))).pow(2).mean()
    loss.backward()
    opt.step()
