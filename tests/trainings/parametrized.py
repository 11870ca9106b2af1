"""Weight norm, orthogonal and own parametrizations, cached."""

import torch
from _bits import bits
from torch import nn
from torch.nn.utils import parametrizations, parametrize


class Skew(nn.Module):
    def forward(self, x):
        return x.triu(1) - x.triu(1).mT


net = nn.Sequential(
    parametrizations.weight_norm(nn.Linear(4, 4)), parametrizations.orthogonal(nn.Linear(4, 4)), nn.Linear(4, 4)
)
parametrize.register_parametrization(net[2], "weight", Skew())
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(5):
    optimizer.zero_grad()
    with parametrize.cached():
        (net(torch.randn(3, 4)) + net(torch.randn(3, 4))).pow(2).mean().backward()
    optimizer.step()
print(bits(net))
