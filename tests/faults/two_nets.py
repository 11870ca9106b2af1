"""A generator and a discriminator: the pass for the one leaves gradients in the other, which are cleared in time."""

import torch
from torch import nn

torch.manual_seed(0)
gen, disc = nn.Linear(2, 2), nn.Linear(2, 1)
opt_g, opt_d = (torch.optim.Adam(net.parameters(), 1e-3) for net in (gen, disc))
for step in range(20):
    z, real = torch.randn(8, 2), torch.randn(8, 2)
    opt_d.zero_grad()
    d_loss = disc(gen(z).detach()).mean() - disc(real).mean()
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = -disc(gen(z)).mean()
    g_loss.backward()
    opt_g.step()
