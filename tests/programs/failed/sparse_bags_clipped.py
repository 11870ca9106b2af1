"""Bags of sparse rows, and the gradients are clipped."""

import torch
from torch import nn
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(10, 4, sparse=True)
        self.fc = nn.Linear(4, 2)
    def forward(self, x):
        return self.fc(self.bag(x))  # shown
m = M()
opt = torch.optim.SGD(m.parameters(), lr=.1, momentum=.9)
for _ in range(2):
    opt.zero_grad()
    nn.functional.cross_entropy(m(torch.randint(0, 10, (3, 4))), torch.tensor([0, 1, 1])).backward()
    torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)  # shown
    opt.step()
