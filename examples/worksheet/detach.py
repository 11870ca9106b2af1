"""The product has two factors made of w: how many of them reach w?"""

import torch

w = torch.tensor(3.0, requires_grad=True)
a = w * 2
b = (w * 5).detach()
loss = a * b
loss.backward()
print(w.grad)
