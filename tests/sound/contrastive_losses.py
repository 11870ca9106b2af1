"""SimCLR, CLIP, SimSiam, Barlow Twins, triplets, supervised contrast, ArcFace."""

import torch
import torch.nn.functional as F
from torch import nn


def encoder():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))


def info_nce(a, b, t=0.5):
    z = F.normalize(torch.cat([a, b]), dim=1)
    sim = z @ z.T / t
    sim = sim.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
    labels = torch.cat([torch.arange(len(a)) + len(a), torch.arange(len(a))])
    return F.cross_entropy(sim, labels)


def barlow(a, b, lambd=5e-3):
    a, b = (a - a.mean(0)) / (a.std(0) + 1e-5), (b - b.mean(0)) / (b.std(0) + 1e-5)
    c = a.T @ b / len(a)
    on = (torch.diagonal(c) - 1).pow(2).sum()
    off = c.flatten()[:-1].view(len(c) - 1, len(c) + 1)[:, 1:].flatten().pow(2).sum()
    return on + lambd * off


class SimSiam(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.predictor = encoder(), nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8))

    def forward(self, a, b):
        z1, z2 = self.encoder(a), self.encoder(b)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        return -(F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean()) * 0.5


class CLIP(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.text = encoder(), encoder()
        self.logit_scale = nn.Parameter(torch.tensor(2.6592))

    def forward(self, a, b):
        i, t = F.normalize(self.image(a), dim=-1), F.normalize(self.text(b), dim=-1)
        logits = self.logit_scale.exp() * i @ t.t()
        labels = torch.arange(len(a))
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


class ArcFace(nn.Module):
    def __init__(self, s=16.0, m=0.3):
        super().__init__()
        self.encoder, self.weight, self.s, self.m = encoder(), nn.Parameter(torch.randn(4, 8)), s, m

    def forward(self, a, _):
        y = torch.randint(0, 4, (len(a),))
        cos = F.linear(F.normalize(self.encoder(a)), F.normalize(self.weight))
        sin = (1.0 - cos.pow(2)).clamp(1e-6, 1).sqrt()
        phi = cos * torch.cos(torch.tensor(self.m)) - sin * torch.sin(torch.tensor(self.m))
        one = F.one_hot(y, 4).float()
        return F.cross_entropy(self.s * (one * phi + (1 - one) * cos), y)


class Wrapped(nn.Module):
    def __init__(self, loss):
        super().__init__()
        self.net, self.loss = encoder(), loss

    def forward(self, a, b):
        return self.loss(self.net(a), self.net(b))


def triplet(a, b):
    return F.triplet_margin_loss(a, b, b.roll(1, 0), margin=0.5)


torch.manual_seed(0)
for model in (Wrapped(info_nce), Wrapped(barlow), SimSiam(), CLIP(), ArcFace(), Wrapped(triplet)):
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(4):
        x = torch.randn(12, 6)
        loss = model(x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x))
        opt.zero_grad()
        loss.backward()
        opt.step()
        if isinstance(model, CLIP):
            with torch.no_grad():
                model.logit_scale.clamp_(0, 4.6052)
    print(type(model).__name__, loss.item())
