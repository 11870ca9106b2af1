"""How does a tensor that is not a leaf come by a .grad?"""

import torch

x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
h = x * 2
h.retain_grad()
h.relu().sum().backward()
print(h.grad, x.grad)
