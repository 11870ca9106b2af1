"""Learning rates that learn: gradients through an optimizer's steps, and implicit ones."""

import torch
from _bits import bits

weight, rate = torch.randn(3, requires_grad=True), torch.tensor(0.1, requires_grad=True)
outer = torch.optim.Adam([rate], lr=0.01)
for _ in range(4):
    w, x = weight, torch.randn(6, 3)
    for _inner in range(3):
        slope = torch.autograd.grad((x @ w).pow(2).mean(), w, create_graph=True)[0]
        w = w - rate * slope
    outer.zero_grad()
    (x @ w - 1).pow(2).mean().backward(inputs=[rate, weight])
    outer.step()
    third = weight.pow(4).sum()
    for _order in range(3):
        third = torch.autograd.grad(third, weight, create_graph=True)[0].sum()
print(bits(weight, rate, third))
