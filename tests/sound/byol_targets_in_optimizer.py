"""BYOL whose optimizer gets `model.parameters()`, target network and all, as many repositories do."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class BYOL(nn.Module):
    def __init__(self, d=8, h=16):
        super().__init__()
        self.online_encoder = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h))
        self.online_predictor = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, h))
        self.target_encoder = copy.deepcopy(self.online_encoder)

    def update_moving_average(self, beta=0.99):
        for current, ma in zip(self.online_encoder.parameters(), self.target_encoder.parameters()):
            ma.data = ma.data * beta + (1 - beta) * current.data

    def forward(self, a, b):
        pa, pb = (self.online_predictor(self.online_encoder(v)) for v in (a, b))
        with torch.no_grad():
            ta, tb = self.target_encoder(a).detach_(), self.target_encoder(b).detach_()
        return (2 - 2 * F.cosine_similarity(pa, tb, dim=-1)).mean() + (2 - 2 * F.cosine_similarity(pb, ta, dim=-1)).mean()


torch.manual_seed(0)
learner = BYOL()
opt = torch.optim.Adam(learner.parameters(), lr=3e-4)
for step in range(6):
    x = torch.randn(16, 8)
    loss = learner(x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x))
    opt.zero_grad()
    loss.backward()
    opt.step()
    learner.update_moving_average()
    print(step, loss.item())
