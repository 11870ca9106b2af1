"""Which line changed what backward() needed?"""

import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x.exp()
loss = y.sum()
y += 1
loss.backward()
