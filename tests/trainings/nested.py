"""Sequences of several lengths as nested tensors."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net, out = nn.Linear(4, 4), nn.Linear(4, 1)
optimizer = torch.optim.SGD([*net.parameters(), *out.parameters()], lr=0.1)
for _ in range(5):
    rows = torch.nested.nested_tensor([torch.randn(n, 4) for n in (2, 5, 3)], layout=torch.jagged)
    loss = out(F.gelu(net(rows))).values().pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(net, out))
