"""A script for prediction that was made to train."""

import torch
from torch import nn

torch.manual_seed(0)
torch.set_grad_enabled(False)  # shown
model = nn.Linear(3, 1)
x = torch.randn(5, 3)
print(model(x).mean())
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    (model(x) ** 2).mean().backward()  # shown
    opt.step()
