"""What does each of input, weight and bias of a Linear get?"""

import torch
from torch import nn

layer = nn.Linear(2, 2)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    layer.bias.zero_()
x = torch.tensor([[1.0, -1.0]], requires_grad=True)
out = layer(x)
loss = (out * torch.tensor([[1.0, 10.0]])).sum()
loss.backward()
print(x.grad, layer.weight.grad, layer.bias.grad)
