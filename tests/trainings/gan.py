"""Two nets against each other, with spectral norm."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

make, judge = (
    nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
    nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(2, 8)), nn.LeakyReLU(0.2), nn.Linear(8, 1)),
)
first, second = (
    torch.optim.Adam(make.parameters(), 1e-2, (0.5, 0.9)),
    torch.optim.Adam(judge.parameters(), 1e-2, (0.5, 0.9)),
)
for _ in range(6):
    fake, real = make(torch.randn(6, 4)), torch.randn(6, 2) + 3
    second.zero_grad()
    F.binary_cross_entropy_with_logits(
        judge(torch.cat([real, fake.detach()])), torch.cat([torch.ones(6, 1), torch.zeros(6, 1)])
    ).backward()
    second.step()
    first.zero_grad()
    F.softplus(-judge(fake)).mean().backward()
    first.step()
print(bits(make, judge))
