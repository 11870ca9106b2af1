"""A VQ-VAE with both codebook losses, the straight-through estimator and perplexity."""

import torch
import torch.nn.functional as F
from torch import nn


class VectorQuantizer(nn.Module):
    def __init__(self, n=8, d=4, beta=0.25):
        super().__init__()
        self.n, self.beta = n, beta
        self.embedding = nn.Embedding(n, d)
        self.embedding.weight.data.uniform_(-1 / n, 1 / n)

    def forward(self, z):
        d = z.pow(2).sum(1, keepdim=True) + self.embedding.weight.pow(2).sum(1) - 2 * z @ self.embedding.weight.t()
        idx = torch.argmin(d, dim=1)
        onehot = F.one_hot(idx, self.n).type(z.dtype)
        z_q = onehot @ self.embedding.weight
        loss = F.mse_loss(z_q.detach(), z) * self.beta + F.mse_loss(z_q, z.detach())
        z_q = z + (z_q - z).detach()
        mean = onehot.mean(0)
        return z_q, loss, torch.exp(-torch.sum(mean * torch.log(mean + 1e-10)))


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
        self.vq = VectorQuantizer()
        self.decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 6))

    def forward(self, x):
        z, vq_loss, perplexity = self.vq(self.encoder(x))
        return self.decoder(z), vq_loss, perplexity


torch.manual_seed(0)
model = VQVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, amsgrad=False)
train_res_recon_error, train_res_perplexity = [], []
for i in range(6):
    data = torch.randn(32, 6)
    optimizer.zero_grad()
    recon, vq_loss, perplexity = model(data)
    recon_error = F.mse_loss(recon, data) / data.var()
    loss = recon_error + vq_loss
    loss.backward()
    optimizer.step()
    train_res_recon_error.append(recon_error.item())
    train_res_perplexity.append(perplexity.item())
    print(f"{i + 1} recon_error: {sum(train_res_recon_error) / (i + 1):.3f} perplexity: {sum(train_res_perplexity) / (i + 1):.3f}")
