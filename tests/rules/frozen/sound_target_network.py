import torch
from torch import nn

torch.manual_seed(0)


def net():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


online, target = net(), net()
target.load_state_dict(online.state_dict())
optimizer = torch.optim.Adam(online.parameters())
for _ in range(6):
    x = torch.randn(8, 4)
    with torch.no_grad():
        goal = target(x) + 1
    optimizer.zero_grad()
    nn.functional.mse_loss(online(x), goal).backward()
    optimizer.step()
