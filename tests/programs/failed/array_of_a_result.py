"""A result is made an array."""

import torch
x = torch.linspace(0, 1, 5)
w = torch.tensor(2.0, requires_grad=True)
y = w * x
print(y.numpy())  # shown
