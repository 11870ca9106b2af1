"""Fake quantisation with learned scales and moving ranges."""

import warnings

import torch
from _bits import bits
from torch import nn

warnings.simplefilter("ignore")
net = nn.Linear(4, 4)
fake = torch.ao.quantization.FakeQuantize(torch.ao.quantization.MovingAverageMinMaxObserver, quant_min=0, quant_max=255)
scale, zero = nn.Parameter(torch.tensor([0.1])), nn.Parameter(torch.tensor([0.0]))
optimizer = torch.optim.SGD([*net.parameters(), scale, zero], lr=0.01)
for _ in range(5):
    y = fake(net(torch.randn(3, 4)))
    y = torch._fake_quantize_learnable_per_tensor_affine(y, scale, zero, -8, 7, 1.0)
    optimizer.zero_grad()
    y.pow(2).mean().backward()
    optimizer.step()
print(bits(net, fake, scale, zero))
