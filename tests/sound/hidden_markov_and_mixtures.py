"""Likelihoods with logsumexp, -inf masks and constraints by softplus; a Gaussian process; expectation by hand."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class HMM(nn.Module):
    def __init__(self, states=3, symbols=5):
        super().__init__()
        self.start, self.trans, self.emit = (nn.Parameter(torch.randn(*s)) for s in ((states,), (states, states), (states, symbols)))

    def forward(self, x):
        trans, emit = self.trans.log_softmax(1), self.emit.log_softmax(1)
        trans = trans.masked_fill(torch.tensor([[0, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=torch.bool), float("-inf"))
        alpha = self.start.log_softmax(0) + emit[:, x[0]]
        for t in x[1:]:
            alpha = torch.logsumexp(alpha[:, None] + trans, 0) + emit[:, t]
        return -torch.logsumexp(alpha, 0)


class GP(nn.Module):
    def __init__(self):
        super().__init__()
        self.raw_scale, self.raw_noise = nn.Parameter(torch.zeros(())), nn.Parameter(torch.tensor(-2.0))

    def forward(self, x, y):
        scale, noise = F.softplus(self.raw_scale), F.softplus(self.raw_noise)
        k = torch.exp(-0.5 * (x[:, None] - x[None]).pow(2) / scale**2) + noise * torch.eye(len(x))
        chol = torch.linalg.cholesky(k)
        a = torch.cholesky_solve(y[:, None], chol)
        return 0.5 * (y @ a).squeeze() + chol.diagonal().log().sum() + 0.5 * len(x) * math.log(2 * math.pi)


class Mixture(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.pi, self.mu, self.log_sigma = nn.Linear(1, k), nn.Linear(1, k), nn.Linear(1, k)

    def forward(self, x, y):
        log_sigma = self.log_sigma(x).clamp(-5, 3)
        log_prob = -0.5 * ((y - self.mu(x)) / log_sigma.exp()) ** 2 - log_sigma
        return -torch.logsumexp(self.pi(x).log_softmax(-1) + log_prob, -1).mean()


torch.manual_seed(0)
x = torch.linspace(0, 3, 15)
jobs = [
    (HMM(), lambda m: m(torch.randint(0, 5, (7,)))),
    (GP(), lambda m: m(x, torch.sin(x))),
    (Mixture(), lambda m: m(x[:, None], torch.sin(x)[:, None])),
]
for model, nll in jobs:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for i in range(5):
        optimizer.zero_grad()
        loss = nll(model)
        loss.backward()
        optimizer.step()
        print("Iter %d - Loss: %.3f" % (i + 1, loss.item()), {n: p.norm().item() for n, p in model.named_parameters()})
