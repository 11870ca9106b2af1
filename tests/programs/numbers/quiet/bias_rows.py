"""A ranking loss compares two items of one user: the biases of users, kept as a table and as a row, cancel."""

import torch
from torch import nn

torch.manual_seed(0)
users, items = nn.Embedding(10, 4), nn.Embedding(12, 4)
of_user, of_item = nn.Embedding(10, 1), nn.Embedding(12, 1)
offset = nn.Parameter(torch.zeros(1, 4))
parameters = [p for table in (users, items, of_user, of_item) for p in table.parameters()]
optimizer = torch.optim.SGD([*parameters, offset], lr=0.1)


def scores(user, item):
    return ((users(user) * items(item)) + offset).sum(1) + of_user(user)[:, 0] + of_item(item)[:, 0]


for _ in range(4):
    user, better, worse = torch.randint(10, (16,)), torch.randint(12, (16,)), torch.randint(12, (16,))
    optimizer.zero_grad()
    nn.functional.softplus(scores(user, worse) - scores(user, better)).mean().backward()
    optimizer.step()
