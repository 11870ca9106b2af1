"""Complex weights, Fourier transforms, and real losses of them."""

import torch
from _bits import bits
from torch import nn

w = torch.randn(4, 4, dtype=torch.cfloat, requires_grad=True)
mask = nn.Parameter(torch.ones(3))
optimizer = torch.optim.Adam([w, mask], lr=0.01)
for _ in range(5):
    signal = torch.fft.irfft(torch.fft.rfft(torch.randn(2, 4)) * mask, n=4)
    z = torch.view_as_complex(torch.stack([signal, signal.flip(-1)], -1)) @ w
    optimizer.zero_grad()
    ((z * z.conj()).real.mean() + z.angle().pow(2).mean() + z.mH.abs().sum() * 0.01).backward()
    optimizer.step()
print(bits(w, mask))
