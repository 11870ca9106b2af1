"""A first program: nothing requires grad."""

import torch
x = torch.tensor([1., 2.])  # shown
w = torch.tensor([3., 4.])  # shown
b = torch.tensor(1.)  # shown
y = (w * x).sum() + b
y.backward()  # shown
