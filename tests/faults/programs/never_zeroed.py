"""The gradient is never cleared; the first pass adds exact zeros."""

import torch

w = torch.ones(3, requires_grad=True)
for i in range(3):
    (w * i).sin().sum().backward()
