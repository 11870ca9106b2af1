"""One network steps after each pass and the other after each second one: no batch was split."""

import torch
from torch import nn

torch.manual_seed(0)
enc, dec = nn.Linear(3, 3), nn.Linear(3, 3)
opt_e = torch.optim.Adam(enc.parameters(), 1e-3)
opt_d = torch.optim.Adam(dec.parameters(), 1e-3)
for step in range(8):
    opt_e.zero_grad()
    dec(enc(torch.randn(4, 3))).pow(2).mean().backward()
    opt_e.step()
    if step % 2:
        opt_d.step()
        opt_d.zero_grad()
