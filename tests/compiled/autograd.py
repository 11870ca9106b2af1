"""Compiled autograd: backward inside a compiled function, and around an ordinary one."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report

model = net()
torch._dynamo.config.compiled_autograd = True


@torch.compile(backend=BACKEND)
def step(x):
    loss = model(x).pow(2).mean()
    loss.backward()
    return loss.detach()


losses = []
for _ in range(5):
    model.zero_grad()
    losses.append(step(torch.randn(3, 4)))
report(model, *losses, frames=False)
