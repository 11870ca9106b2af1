"""Forces are derivatives, and the relaxation runs without gradients."""

import torch
from torch import nn


class Energy(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1))

    def forces(self, pos):
        pos.requires_grad_(True)
        e = self.f(pos).sum()  # shown
        return -torch.autograd.grad(e, pos)[0]


@torch.no_grad()  # shown
def relax(model, pos, steps):
    for _ in range(steps):
        pos = pos + 0.1 * model.forces(pos)
    return pos


torch.manual_seed(0)
relax(Energy(), torch.randn(3, 2), 4)
