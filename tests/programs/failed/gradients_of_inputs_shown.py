"""A first program prints three gradients."""

import torch

x = torch.tensor([1.0, 2.0])  # shown
w = torch.tensor([3.0, 4.0], requires_grad=True)
y = w * x
y.sum().backward()
print(w.grad, x.grad)  # shown
