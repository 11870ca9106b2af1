"""Gradient accumulation on purpose: four small batches, then one step.

What it teaches
    `.grad` adds up over passes until somebody zeroes it. Used on purpose it gives the gradient of a large batch in
    the memory of a small one: divide each loss by the number of batches, step and zero once.

Try
    gradtrace explain examples/accumulate.py
"""

import torch
from torch import nn

N_STEPS = 3
N_BATCHES = 4

torch.manual_seed(0)
inputs = torch.randn(32, 5)
targets = inputs.sum(dim=1, keepdim=True)

model = nn.Linear(5, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
loss_function = nn.MSELoss()

# For comparison: the gradient of all samples at once, asked for without touching `.grad`.
(whole,) = torch.autograd.grad(loss_function(model(inputs), targets), [model.weight])

for step in range(N_STEPS):
    for batch, batch_targets in zip(inputs.chunk(N_BATCHES), targets.chunk(N_BATCHES), strict=True):
        loss = loss_function(model(batch), batch_targets) / N_BATCHES
        loss.backward()
    if step == 0:
        print("same gradient as one large batch:", torch.allclose(model.weight.grad, whole, atol=1e-6))
    optimizer.step()
    optimizer.zero_grad()

with torch.no_grad():
    print(f"loss after {N_STEPS} steps of {N_BATCHES} batches: {loss_function(model(inputs), targets).item():.4f}")
