"""Fine-tuning: which of the two layers learns?"""

import torch
from torch import nn

torch.manual_seed(0)
body = nn.Linear(3, 4)
head = nn.Linear(4, 1)
body.requires_grad_(False)
inputs = torch.randn(5, 3)
loss = head(torch.tanh(body(inputs))).square().mean()
loss.backward()
print(body.weight.grad is None, head.weight.grad is None)
