"""The training loop that every other one is built on, with `torch.optim.SGD`.

What it teaches
    zero_grad, forward, backward, step: in this order, once a batch.
    The optimizer only updates what it was given; here all parameters of the model.

Try
    gradtrace explain examples/sgd_loop.py
    gradtrace render examples/sgd_loop.py --passes last
"""

import torch
from torch import nn

torch.manual_seed(0)
inputs = torch.randn(64, 3)
true_weight = torch.tensor([[1.5, -2.0, 0.5]])
targets = inputs @ true_weight.T + 0.3

model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
loss_function = nn.MSELoss()

for step in range(15):
    optimizer.zero_grad()
    loss = loss_function(model(inputs), targets)
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step:2d}  loss {loss.item():.4f}")

weight = ", ".join(f"{value:.2f}" for value in model.weight.flatten().tolist())
print(f"learned weight [{weight}] (made with 1.50, -2.00, 0.50), bias {model.bias.item():.2f} (made with 0.30)")
