import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
x, y = torch.randn(16, 4), torch.randn(16, 1)


def train():
    for _ in range(3):
        optimizer.zero_grad()
        penalty = sum(p.pow(2).sum().item() for p in net.parameters())  # here
        loss = F.mse_loss(net(x), y) + 1e-3 * penalty
        loss.backward()
        optimizer.step()


train()
