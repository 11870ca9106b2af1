"""An update by hand, as in a textbook. What is missing?"""

import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
loss = w.square().sum()
loss.backward()
w -= 0.1 * w.grad
print(w)
