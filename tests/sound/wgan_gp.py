"""WGAN-GP with five critic steps for each of the generator."""

import torch
from torch import nn


def gradient_penalty(critic, real, fake):
    eps = torch.rand(real.size(0), 1)
    mixed = (eps * real + (1 - eps) * fake).requires_grad_(True)
    score = critic(mixed)
    grad = torch.autograd.grad(
        outputs=score, inputs=mixed, grad_outputs=torch.ones_like(score), create_graph=True, retain_graph=True
    )[0]
    return ((grad.norm(2, dim=1) - 1) ** 2).mean()


torch.manual_seed(0)
latent = 4
G = nn.Sequential(nn.Linear(latent, 16), nn.ReLU(), nn.Linear(16, 2))
D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.9))
batches_done = 0
for i in range(10):
    real = torch.randn(16, 2) * 0.5 + 1
    z = torch.randn(16, latent)
    opt_d.zero_grad()
    fake = G(z)
    gp = gradient_penalty(D, real.data, fake.data)
    d_loss = -torch.mean(D(real)) + torch.mean(D(fake.detach())) + 10 * gp
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    if i % 5 == 0:
        g_loss = -torch.mean(D(G(z)))
        g_loss.backward()
        opt_g.step()
        print("[Batch %d] [D loss: %f] [G loss: %f]" % (batches_done, d_loss.item(), g_loss.item()))
        batches_done += 5
