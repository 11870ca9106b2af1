import os
import signal

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(1, 8):
    optimizer.zero_grad()
    loss = net(torch.randn(3, 4)).pow(2).mean()
    if step == 5:
        loss.register_hook(lambda gradient: os.kill(os.getpid(), signal.SIGKILL))
    loss.backward()
    optimizer.step()
