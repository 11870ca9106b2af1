"""What does the gradient of x remember of an in-place multiplication?"""

import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
h = x + 1
h.mul_(10)
h[0] = 7.0
h.sum().backward()
print(x.grad)
