"""Three gradients are read in one line; that of the result is None."""

import warnings

import torch

warnings.simplefilter("ignore")
w = torch.ones(2, requires_grad=True)
x = w * 2
y = torch.ones(2, requires_grad=True)
(x * y).sum().backward()
print(w.grad, x.grad, y.grad)
