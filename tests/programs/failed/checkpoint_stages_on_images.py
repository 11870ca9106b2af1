"""Every stage checkpoints itself; the images require no grad."""

import torch
from torch import nn
import torch.utils.checkpoint as cp

torch.manual_seed(0)


class Stage(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.conv = nn.Conv2d(d, d, 3, padding=1)
        self.norm = nn.BatchNorm2d(d)

    def _run(self, x):
        return self.norm(self.conv(x)).relu()

    def forward(self, x):
        return cp.checkpoint(self._run, x, use_reentrant=True)  # shown


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Stage(3)
        self.second = Stage(3)
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.second(self.first(x)).mean((2, 3)))


def main():
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        opt.zero_grad()
        nn.functional.cross_entropy(net(torch.randn(4, 3, 6, 6)), torch.randint(0, 2, (4,))).backward()
        opt.step()


main()
