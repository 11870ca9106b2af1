"""LBFGS with a line search, which runs the closure as often as it needs."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1)).double()
x = torch.randn(12, 2, dtype=torch.double)
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=8, line_search_fn="strong_wolfe")
calls = []


def closure():
    optimizer.zero_grad()
    loss = F.mse_loss(net(x), x.prod(1, keepdim=True))
    loss.backward()
    calls.append(loss.item())
    return loss


for _ in range(4):
    optimizer.step(closure)
print(bits(net), calls)
