"""The input is whole numbers."""

import torch
x = torch.tensor([1, 2, 3])  # shown
y = (x * 2).sum()
y.backward()
