"""A critic with a gradient penalty: backward through backward."""

import torch
from _bits import bits
from torch import nn

critic = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
for _ in range(5):
    real, fake = torch.randn(4, 3) + 1, torch.randn(4, 3)
    mixed = torch.lerp(real, fake, torch.rand(4, 1)).requires_grad_()
    slope = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)[0]
    loss = critic(fake).mean() - critic(real).mean() + 10 * (slope.norm(dim=1) - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(critic, mixed))
