"""A small DDPM with an EMA of the weights for sampling."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class EMA:
    def __init__(self, model, decay=0.99):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for ema, p in zip(self.model.parameters(), model.parameters()):
            ema.mul_(self.decay).add_(p.detach(), alpha=1 - self.decay)
        for ema, b in zip(self.model.buffers(), model.buffers()):
            ema.copy_(b)


class Denoiser(nn.Module):
    def __init__(self, d=2, h=32, steps=10):
        super().__init__()
        self.time = nn.Embedding(steps, h)
        self.inp, self.mid, self.out = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, d)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, t):
        h = F.silu(self.inp(x) + self.time(t))
        return self.out(F.silu(self.mid(h)) + h)


class Diffusion:
    def __init__(self, steps=10):
        self.steps = steps
        self.betas = torch.linspace(1e-3, 0.2, steps)
        self.alphas_bar = torch.cumprod(1 - self.betas, 0)

    def loss(self, model, x0):
        t = torch.randint(0, self.steps, (len(x0),))
        noise = torch.randn_like(x0)
        ab = self.alphas_bar[t][:, None]
        return F.mse_loss(model(ab.sqrt() * x0 + (1 - ab).sqrt() * noise, t), noise)

    @torch.inference_mode()
    def sample(self, model, n):
        x = torch.randn(n, 2)
        for i in reversed(range(self.steps)):
            eps = model(x, torch.full((n,), i))
            x = (x - self.betas[i] / (1 - self.alphas_bar[i]).sqrt() * eps) / (1 - self.betas[i]).sqrt()
            if i:
                x += self.betas[i].sqrt() * torch.randn_like(x)
        return x


torch.manual_seed(0)
model, diffusion = Denoiser(), Diffusion()
ema = EMA(model)
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
warmup = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 5))
for step in range(10):
    opt.zero_grad(set_to_none=True)
    loss = diffusion.loss(model, torch.randn(16, 2) * 0.1 + 1)
    loss.backward()
    opt.step()
    warmup.step()
    ema.update(model)
    if step % 5 == 4:
        print(step, f"{loss.item():.3f}", diffusion.sample(ema.model, 4).mean().item())
