"""A whole training step, with zero_grad, backward and step inside."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report

model = net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


@torch.compile(backend=BACKEND)
def step(x):
    optimizer.zero_grad()
    loss = model(x).pow(2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss


losses = [step(torch.randn(3, 4)) for _ in range(6)]
report(model, *losses)
