"""A loss that was not reduced."""

import torch
w = torch.ones(3, requires_grad=True)
loss = (w * 2)
print(float(loss))  # shown
