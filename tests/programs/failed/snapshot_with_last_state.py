"""A model that remembers its last state is copied when it is best."""

import copy

import torch
from torch import nn


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 4)
        self.out = nn.Linear(4, 1)
        self.state = None

    def forward(self, x):
        h = torch.zeros(x.shape[1], 4)
        for step in x:
            h = self.cell(step, h)
        self.state = h  # shown
        return self.out(h)


class Fit:
    def __init__(self, model):
        self.model, self.best = model, None
        self.opt = torch.optim.Adam(model.parameters())

    def epoch(self):
        self.opt.zero_grad()
        loss = self.model(torch.randn(5, 8, 3)).square().mean()
        loss.backward()
        self.opt.step()
        self.best = copy.deepcopy(self.model)  # shown


torch.manual_seed(0)
Fit(Memory()).epoch()
