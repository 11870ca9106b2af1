"""A perceptron with dropout, momentum, clipping and a schedule."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8)
for _ in range(8):
    loss = F.cross_entropy(net(torch.randn(5, 8)), torch.randint(0, 3, (5,)), label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    schedule.step()
print(bits(net, loss))
