"""A regression by hand, whose update gives the weight's name to a new tensor."""

import torch

torch.manual_seed(0)
features, targets = torch.randn(20, 3), torch.randn(20)
weight = torch.zeros(3, requires_grad=True)
for _ in range(3):
    loss = (features @ weight - targets).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        weight = weight - 0.1 * weight.grad  # shown
