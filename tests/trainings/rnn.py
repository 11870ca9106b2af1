"""Truncated backpropagation through time, with a hidden state that is detached."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net, head = nn.RNN(4, 8, 2, batch_first=True), nn.Linear(8, 1)
optimizer = torch.optim.RMSprop([*net.parameters(), *head.parameters()], lr=0.01)
hidden = None
for _ in range(6):
    x = torch.randn(3, 7, 4)
    output, hidden = net(x, hidden)
    hidden = hidden.detach()
    loss = F.smooth_l1_loss(head(output), x.sum(-1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(net, head, hidden))
