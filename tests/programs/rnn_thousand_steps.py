import torch
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(4, 4)
inputs = torch.randn(1000, 2, 4)
hidden = torch.zeros(2, 4)
for step in range(1000):
    hidden = cell(inputs[step], hidden)
hidden.sum().backward()
print_gradient_names(cell=cell)
