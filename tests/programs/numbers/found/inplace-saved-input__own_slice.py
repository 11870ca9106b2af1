import torch
from torch import nn

torch.manual_seed(0)
conv, gate = nn.Conv2d(3, 4, 3), nn.Linear(4, 1)
image = torch.rand(2, 3, 8, 8)
x = torch.tanh(conv(image)) * 2
x[:, 0] = x[:, 0] * gate(x.mean((2, 3))).unsqueeze(-1)  # here
x.pow(2).mean().backward()
