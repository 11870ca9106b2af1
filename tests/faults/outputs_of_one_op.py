"""Attention in small: three outputs of one op, whose gradients are parts and no summands."""

import torch

torch.manual_seed(0)
w = torch.randn(4, 6, requires_grad=True)
q, k, v = (torch.randn(3, 4) @ w).reshape(3, 3, 2).unbind(1)
(torch.softmax(q @ k.t(), -1) @ v).sum().backward()
