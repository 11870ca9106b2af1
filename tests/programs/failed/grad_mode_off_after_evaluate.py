"""Evaluation leaves gradients off."""

import torch
from torch import nn


def evaluate(model, x):
    torch.set_grad_enabled(False)  # shown
    model.eval()
    return model(x).argmax(1)


def train(model, opt, x, y):
    model.train()
    for epoch in range(2):
        out = model(x)  # shown
        loss = nn.functional.cross_entropy(out, y)
        opt.zero_grad()
        loss.backward()  # shown
        opt.step()
        evaluate(model, x)


torch.manual_seed(0)
m = nn.Linear(4, 3)
train(m, torch.optim.SGD(m.parameters(), lr=0.1), torch.randn(9, 4), torch.randint(0, 3, (9,)))
