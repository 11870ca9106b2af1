import copy

import torch
from torch import nn

torch.manual_seed(0)
online = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
target = copy.deepcopy(online)
opt = torch.optim.Adam(online.parameters(), lr=1e-2)
for i in range(12):
    s, s2 = torch.randn(8, 4), torch.randn(8, 4)
    with torch.no_grad():
        t = 1 + 0.9 * target(s2).max(1).values
    loss = nn.functional.mse_loss(online(s).max(1).values, t)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 4 == 0:
        target.load_state_dict(online.state_dict())
    online.load_state_dict({k: v.clone() for k, v in online.state_dict().items()})
online.load_state_dict(online.state_dict())
