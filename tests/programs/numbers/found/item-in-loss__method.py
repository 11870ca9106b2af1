import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 4)
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        return self.last(self.hidden(x).relu())

    def cost(self):
        return float(np.sum([np.square(p.detach().cpu().numpy()).sum() for p in self.parameters()]))  # here


torch.manual_seed(0)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.01)
for _ in range(4):
    optimizer.zero_grad()
    loss = (net(torch.randn(8, 4)) - 1).pow(2).mean() + 1e-3 * net.cost()
    loss.backward()
    optimizer.step()
