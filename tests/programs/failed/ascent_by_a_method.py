"""Sharpness-aware training: the perturbed loss is never computed."""

import torch
from torch import nn


class Sharpness:
    def __init__(self, model, inner, rho=0.05):
        self.model, self.inner, self.rho = model, inner, rho
        self.moved = {}

    def ascend(self):
        with torch.no_grad():
            for p in self.model.parameters():
                e = self.rho * p.grad / (p.grad.norm() + 1e-12)
                p.add_(e)  # shown
                self.moved[p] = e

    def descend(self):
        with torch.no_grad():
            for p, e in self.moved.items():
                p.sub_(e)
        self.inner.step()


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
opt = Sharpness(model, torch.optim.SGD(model.parameters(), lr=0.1))
for _ in range(3):
    x = torch.randn(16, 4)
    cost = (model(x) - x.sum(1, keepdim=True)).pow(2).mean()
    model.zero_grad()
    cost.backward(retain_graph=True)  # shown
    opt.ascend()
    cost.backward()  # shown
    opt.descend()
