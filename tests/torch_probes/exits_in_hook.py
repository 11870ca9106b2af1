"""A hook ends the program."""

# alone: it ends the process

import sys

import torch

w = torch.ones(3, requires_grad=True)
for step in range(5):
    y = w * 2
    if step == 4:
        y.register_hook(lambda g: sys.exit("enough"))
    y.sum().backward()
    print(step, w.grad.tolist())
