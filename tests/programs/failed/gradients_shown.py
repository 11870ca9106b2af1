"""A training loop that shows gradients, of what is trained only."""

import numpy as np
import torch

torch.manual_seed(0)
x, w = torch.randn(8, 3), torch.zeros(3, requires_grad=True)
frozen = torch.ones(3)
for _ in range(3):
    loss = (x @ (w * frozen) - 1).pow(2).mean()
    loss.backward()
    print(w.grad, float(loss), np.array(loss.detach()), x.grad is None)
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
print(w.grad, w.detach().numpy())
