"""A frozen stem before checkpointed stages."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint_sequential

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.body = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(4)))
        for p in self.stem.parameters():
            p.requires_grad = False

    def forward(self, x):
        return checkpoint_sequential(self.body, 2, self.stem(x), use_reentrant=True)  # shown


net = Net()
opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad])
loss = net(torch.randn(3, 4)).pow(2).mean()
loss.backward()
opt.step()
