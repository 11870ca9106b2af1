"""Which of these tensors has a .grad after backward(), and why do the others have none?"""

import torch

w = torch.tensor(0.5, requires_grad=True)
y = torch.tensor(2.0)
x = w * w
z = x * y
z.backward()
print("w", w.grad, "y", y.grad)
