"""The bias has 2 elements and the batch 3 rows. Why is the bias's gradient 3 everywhere, not 1?"""

import torch

x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
scale = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
bias = torch.zeros(2, requires_grad=True)
loss = (x * scale + bias).sum()
loss.backward()
print(bias.grad, scale.grad)
