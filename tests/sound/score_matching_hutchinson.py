"""Sliced score matching and a continuous normalising flow: traces of Jacobians by autograd.grad in loops."""

import torch
from torch import nn


def exact_trace(f, x):
    total = 0.0
    for i in range(x.shape[1]):
        total = total + torch.autograd.grad(f[:, i].sum(), x, create_graph=True, retain_graph=True)[0][:, i]
    return total


def hutchinson(f, x, n=1):
    out = 0.0
    for _ in range(n):
        e = torch.randint_like(x, 0, 2) * 2 - 1
        out = out + (torch.autograd.grad(f, x, e, create_graph=True)[0] * e).sum(1)
    return out / n


class Score(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 2))

    def forward(self, x):
        return self.net(x)


def train_score(trace, steps=4):
    net = Score()
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    for i in range(steps):
        x = torch.randn(16, 2).requires_grad_()
        s = net(x)
        loss = (trace(s, x) + 0.5 * s.pow(2).sum(1)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(trace.__name__, i, loss.item())


def train_flow(steps=3, n=3):
    field = Score()
    opt = torch.optim.Adam(field.parameters(), 1e-3)
    for i in range(steps):
        z = torch.randn(8, 2).requires_grad_()
        logdet = torch.zeros(8)
        for _ in range(n):
            dz = field(z)
            logdet = logdet + exact_trace(dz, z) / n
            z = z + dz / n
        nll = (0.5 * z.pow(2).sum(1) - logdet).mean()
        opt.zero_grad()
        nll.backward()
        opt.step()
        print("flow", i, nll.item(), logdet.mean().item())


torch.manual_seed(0)
train_score(exact_trace)
train_score(hutchinson)
train_flow()
