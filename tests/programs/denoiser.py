import math

import torch
from gradient_names import print_gradient_names
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Linear(4, 8)
        self.enter, self.leave = nn.Linear(6, 8), nn.Linear(8, 6)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)

    def forward(self, x, t):
        angles = t[:, None] * torch.exp(-math.log(100) * torch.arange(2) / 2)
        hidden = self.enter(x) + self.time(torch.cat([angles.sin(), angles.cos()], -1))[:, None]
        return self.leave(hidden + self.attention(*[self.norm(hidden)] * 3, need_weights=False)[0])


torch.manual_seed(0)
net = Denoiser()
optimizer = torch.optim.AdamW(net.parameters())
alphas = torch.linspace(0.99, 0.1, 10)
for _ in range(2):
    clean, t = torch.randn(3, 2, 6), torch.randint(0, 10, (3,))
    noise, kept = torch.randn_like(clean), alphas[t][:, None, None]
    noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
    loss = (net(noisy, t.float()) - noise).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print_gradient_names(net=net)
