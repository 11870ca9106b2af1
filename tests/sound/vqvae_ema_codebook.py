"""A VQ-VAE whose codebook is a buffer that moves by averages, not by gradients; and a Gumbel-softmax one."""

import torch
import torch.nn.functional as F
from torch import nn


class EMAQuantizer(nn.Module):
    def __init__(self, n=8, d=4, decay=0.9):
        super().__init__()
        self.decay = decay
        self.register_buffer("codes", torch.randn(n, d))
        self.register_buffer("counts", torch.ones(n))
        self.register_buffer("sums", self.codes.clone())

    def forward(self, z):
        onehot = F.one_hot(torch.cdist(z, self.codes).argmin(1), len(self.codes)).float()
        q = onehot @ self.codes
        if self.training:
            with torch.no_grad():
                self.counts.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
                self.sums.mul_(self.decay).add_(onehot.t() @ z, alpha=1 - self.decay)
                self.codes = self.sums / self.counts.clamp_min(1e-5).unsqueeze(1)
        return z + (q - z).detach(), 0.25 * F.mse_loss(z, q.detach())


class GumbelQuantizer(nn.Module):
    def __init__(self, n=8, d=4, tau=1.0, hard=True):
        super().__init__()
        self.logits, self.codes, self.tau, self.hard = nn.Linear(d, n), nn.Parameter(torch.randn(n, d)), tau, hard

    def forward(self, z):
        logits = self.logits(z)
        one = F.gumbel_softmax(logits, tau=self.tau, hard=self.hard)
        p = logits.softmax(-1)
        kl = 5e-4 * (p * torch.log(p * p.shape[-1] + 1e-10)).sum(-1).mean()
        return one @ self.codes, kl


torch.manual_seed(0)
for quantizer in (EMAQuantizer(), GumbelQuantizer(), GumbelQuantizer(hard=False)):
    enc, dec = nn.Linear(6, 4), nn.Linear(4, 6)
    opt = torch.optim.Adam([*enc.parameters(), *dec.parameters(), *quantizer.parameters()], lr=1e-2)
    for step in range(5):
        x = torch.randn(16, 6)
        q, extra = quantizer(enc(x))
        loss = F.mse_loss(dec(q), x) + extra
        opt.zero_grad()
        loss.backward()
        opt.step()
        if isinstance(quantizer, GumbelQuantizer):
            quantizer.tau = max(0.5, quantizer.tau * 0.9)
        print(type(quantizer).__name__, step, loss.item(), extra.item())
