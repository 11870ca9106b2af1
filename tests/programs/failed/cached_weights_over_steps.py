"""The cache of orthogonal weights is open for a whole epoch."""

import torch
from torch import nn
from torch.nn.utils import parametrize as P


class Symmetric(nn.Module):
    def forward(self, w):
        w = w.tanh()
        return w.triu() + w.triu(1).T


torch.manual_seed(0)
layer = P.register_parametrization(nn.Linear(5, 5), "weight", Symmetric())
opt = torch.optim.SGD(layer.parameters(), lr=0.01)
with P.cached():  # shown
    for batch in torch.randn(3, 7, 5):
        opt.zero_grad()
        layer(layer(batch)).square().mean().backward()  # shown
        opt.step()
