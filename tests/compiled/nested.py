"""A compiled module inside a compiled function inside a compiled step."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report

model = net()
fast = torch.compile(model, backend=BACKEND)


@torch.compile(backend=BACKEND)
def loss(x):
    return fast(x).pow(2).mean()


@torch.compile(backend=BACKEND)
def twice(x):
    return loss(x) + loss(x * 2)


optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(6):
    optimizer.zero_grad()
    twice(torch.randn(3, 4)).backward()
    optimizer.step()
report(model)
