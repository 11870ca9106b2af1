"""A VAE whose KL weight and free bits depend on numbers read from earlier batches."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, d=12, h=16, z=4):
        super().__init__()
        self.enc = nn.Linear(d, h)
        self.mu = nn.Linear(h, z)
        self.logvar = nn.Linear(h, z)
        self.dec = nn.Sequential(nn.Linear(z, h), nn.ReLU(), nn.Linear(h, d))

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.dec(z), mu, logvar


def loss_function(recon, x, mu, logvar, beta):
    rec = F.binary_cross_entropy_with_logits(recon, x, reduction="sum") / x.shape[0]
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.shape[0]
    return rec + beta * kld, rec, kld


def train(model, data, epochs=3):
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    beta = 0.0
    for epoch in range(epochs):
        model.train()
        train_loss = train_rec = train_kl = 0
        for x in data:
            recon, mu, logvar = model(x)
            loss, rec, kld = loss_function(recon, x, mu, logvar, beta)
            opt.zero_grad()
            loss.backward()
            opt.step()
            train_loss += loss.item()
            train_rec += rec.item()
            train_kl += kld.item()
            beta = min(1.0, beta + 0.1) if kld.item() > 0.01 else beta * 0.9
        print(f"epoch {epoch} loss {train_loss / len(data):.3f} rec {train_rec / len(data):.3f} kl {train_kl / len(data):.3f} beta {beta:.2f}")
        model.eval()
        with torch.no_grad():
            sample = torch.sigmoid(model.dec(torch.randn(4, 4)))
        print("sample mean", sample.mean().item())


torch.manual_seed(0)
train(VAE(), [torch.rand(8, 12).round() for _ in range(4)])
