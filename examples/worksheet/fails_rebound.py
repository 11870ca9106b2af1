"""The first step works, the second has no gradient. Why?"""

import torch

w = torch.tensor(1.0, requires_grad=True)
for _ in range(2):
    loss = (w - 3) ** 2
    loss.backward()
    w = w - 0.1 * w.grad
