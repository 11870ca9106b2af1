"""Ascent and descent with the loss computed anew, a lookup before the whole table, and updates by hand in order."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
table = nn.Embedding(6, 4, max_norm=1.0)
opt = torch.optim.SGD([*model.parameters(), *table.parameters()], lr=0.1)
for _ in range(3):
    ids = torch.randint(0, 6, (5,))
    loss = (model(table(ids)) + (table(ids) @ table.weight.t()).mean()).pow(2).mean()
    opt.zero_grad()
    loss.backward(retain_graph=True)
    with torch.no_grad():
        moved = [0.01 * p.grad for p in model.parameters()]
        for p, e in zip(model.parameters(), moved):
            p.add_(e)
    opt.zero_grad()
    again = model(table(ids)).pow(2).mean()
    again.backward()
    with torch.no_grad():
        for p, e in zip(model.parameters(), moved):
            p.sub_(e)
    opt.step()
